"""Small models known exactly: by enumeration of a finite layer, or in closed form."""

from harmonium.exact.enumeration import enumerable_side, is_finite, layer_states
from harmonium.exact.normal import JointNormal, joint_normal
from harmonium.exact.samples import exact_samples

__all__ = ["JointNormal", "enumerable_side", "exact_samples", "is_finite", "joint_normal", "layer_states"]
