"""The few hot loops, in plain torch: the reference that faster versions are tested against."""

from harmonium.kernels.bernoulli import sample_from_field, sample_from_probability
from harmonium.kernels.normal import sample_normal

__all__ = ["sample_from_field", "sample_from_probability", "sample_normal"]
