"""The few hot loops: compiled where numba is there, in plain torch everywhere, the reference of the compiled ones."""

from harmonium.kernels.averages import Averages, binary_averages
from harmonium.kernels.backend import has_tiles, kernels_take, multiplies_bfloat16, multiplies_pairs, why_not
from harmonium.kernels.bernoulli import mean_of_field, sample_from_bytes, sample_from_field, sample_from_probability
from harmonium.kernels.bits import bits_for, states_of_bits
from harmonium.kernels.descent import (
    Descent,
    LayersDescent,
    LayerStep,
    Offsets,
    WeightsDescent,
    descend,
    descend_layers,
    descent_takes,
)
from harmonium.kernels.normal import sample_normal
from harmonium.kernels.products import PackedWeights, is_binary, is_sparse, multiplies_all, usual_states
from harmonium.kernels.softplus import sum_of_softplus
from harmonium.kernels.sweeps import Starts, Sweeps
from harmonium.kernels.tiled import TiledWeights, packed_weights

__all__ = [
    "Averages",
    "Descent",
    "LayerStep",
    "LayersDescent",
    "Offsets",
    "PackedWeights",
    "Starts",
    "Sweeps",
    "TiledWeights",
    "WeightsDescent",
    "binary_averages",
    "bits_for",
    "descend",
    "descend_layers",
    "descent_takes",
    "has_tiles",
    "is_binary",
    "is_sparse",
    "kernels_take",
    "mean_of_field",
    "multiplies_all",
    "multiplies_bfloat16",
    "multiplies_pairs",
    "packed_weights",
    "sample_from_bytes",
    "sample_from_field",
    "sample_from_probability",
    "sample_normal",
    "states_of_bits",
    "sum_of_softplus",
    "usual_states",
    "why_not",
]
