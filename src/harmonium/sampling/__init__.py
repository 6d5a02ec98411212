"""How states move: samplers are modules or objects with an `init` and a `step`."""

from harmonium.sampling import gibbs
from harmonium.sampling.check import Kernel, KernelCheck, check_kernel
from harmonium.sampling.dreams import Dreams, dream
from harmonium.sampling.gibbs import GibbsState, GibbsStateInBits
from harmonium.sampling.path import GeometricPath, base_of_states
from harmonium.sampling.tempering import TemperedState, Tempering
from harmonium.sampling.trajectory import Trajectory

__all__ = [
    "Dreams",
    "GeometricPath",
    "GibbsState",
    "GibbsStateInBits",
    "Kernel",
    "KernelCheck",
    "TemperedState",
    "Tempering",
    "Trajectory",
    "base_of_states",
    "check_kernel",
    "dream",
    "gibbs",
]
