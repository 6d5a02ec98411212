"""What is wrong with a model, if anything: overfitting, units that say nothing, chains that do not mix, poor dreams."""

from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy
from harmonium.diagnostics.diagnosis import Diagnosis, diagnose
from harmonium.diagnostics.hidden_units import HiddenUnits, hidden_units
from harmonium.diagnostics.mixing import autocorrelation_time, r_hat
from harmonium.diagnostics.regime import Regime, dream_quality

__all__ = [
    "AdversarialAccuracy",
    "Diagnosis",
    "HiddenUnits",
    "Regime",
    "adversarial_accuracy",
    "autocorrelation_time",
    "diagnose",
    "dream_quality",
    "hidden_units",
    "r_hat",
]
