import numpy as np
import pytest

from harmonium.diagnostics import autocorrelation_time, r_hat
from harmonium.errors import InputError


def autoregressive(phi, steps=2000, chains=100, seed=0):
    rng = np.random.default_rng(seed)
    x = np.zeros((steps, chains))
    x[0] = rng.normal(size=chains) / np.sqrt(1 - phi**2)
    for t in range(1, steps):
        x[t] = phi * x[t - 1] + rng.normal(size=chains)
    return x


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_a_process_where_it_is_known(phi):
    """(1 + phi) / (1 - phi); the error over seeds is about 1.5 %, the bound 10 %."""
    assert autocorrelation_time(autoregressive(phi)) == pytest.approx((1 + phi) / (1 - phi), rel=0.1)


def test_chains_that_stay_in_different_places_are_correlated():
    apart = autoregressive(0.0) + 5 * np.arange(100)
    assert autocorrelation_time(apart) > 200
    assert r_hat(apart) > 2


def test_r_hat_is_1_for_independent_draws_and_more_for_chains_that_drift():
    assert r_hat(autoregressive(0.0)) < 1.002
    drifting = autoregressive(0.0) + np.linspace(0, 3, 2000)[:, None]
    assert r_hat(drifting) > 1.1
    assert r_hat(np.exp(autoregressive(0.0) * 10)) < 1.002  # ranks do not mind heavy tails


def test_what_never_changes():
    assert autocorrelation_time(np.ones((10, 3))) == np.inf
    assert r_hat(np.ones((10, 3))) == 1
    assert r_hat(np.tile([0.0, 1.0], (10, 1))) == np.inf


@pytest.mark.parametrize("measure", [autocorrelation_time, r_hat])
def test_a_series_is_a_table_of_at_least_4_steps(measure):
    with pytest.raises(InputError, match="at least 4 steps"):
        measure(np.ones((3, 5)))
