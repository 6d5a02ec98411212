"""The few hot loops: compiled where numba is there, in plain torch everywhere, the reference of the compiled ones."""

from harmonium.kernels.backend import kernels_take, why_not
from harmonium.kernels.bernoulli import sample_from_bytes, sample_from_field, sample_from_probability
from harmonium.kernels.descent import Descent, descend, descent_takes
from harmonium.kernels.normal import sample_normal
from harmonium.kernels.products import PackedWeights, is_sparse

__all__ = [
    "Descent",
    "PackedWeights",
    "descend",
    "descent_takes",
    "is_sparse",
    "kernels_take",
    "sample_from_bytes",
    "sample_from_field",
    "sample_from_probability",
    "sample_normal",
    "why_not",
]
