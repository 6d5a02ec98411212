"""How states move: samplers are modules or objects with an `init` and a `step`."""

from harmonium.sampling import gibbs
from harmonium.sampling.check import Kernel, KernelCheck, check_kernel
from harmonium.sampling.dreams import Dreams, dream
from harmonium.sampling.gibbs import GibbsState

__all__ = ["Dreams", "GibbsState", "Kernel", "KernelCheck", "check_kernel", "dream", "gibbs"]
