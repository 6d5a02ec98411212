"""How good a model is: its log-likelihood, exact or estimated."""

from harmonium.likelihood.exact import exact_log_partition, exact_log_probability
from harmonium.likelihood.pseudo import pseudo_log_likelihood

__all__ = ["exact_log_partition", "exact_log_probability", "pseudo_log_likelihood"]
