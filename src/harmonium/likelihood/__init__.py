"""How good a model is: its log-likelihood, exact or estimated."""

from harmonium.likelihood.conservative import conservative_log_probability
from harmonium.likelihood.estimates import LogLikelihood, LogPartition
from harmonium.likelihood.evaluate import log_likelihood, log_partition
from harmonium.likelihood.exact import exact_log_partition, exact_log_probability
from harmonium.likelihood.pseudo import exact_pseudo_log_likelihood, pseudo_log_likelihood
from harmonium.sampling.path import base_of_states

__all__ = [
    "LogLikelihood",
    "LogPartition",
    "base_of_states",
    "conservative_log_probability",
    "exact_log_partition",
    "exact_log_probability",
    "exact_pseudo_log_likelihood",
    "log_likelihood",
    "log_partition",
    "pseudo_log_likelihood",
]
