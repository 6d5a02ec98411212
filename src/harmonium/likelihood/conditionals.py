"""The distribution of one visible unit given all others, with the hidden layer summed out."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.rbm import RBM

REACH = 9.0
"""Standard deviations that an integral reaches beyond the outermost means: what lies outside is below 1e-18."""

FINEST = 2**16
"""The most steps of an integral: only couplings far beyond those of any data ask for more."""

MOST = 2_000_000
"""About how many numbers of the hidden layer are held at once."""


def log_conditional(rbm: RBM, visible: Tensor, site: Tensor) -> Tensor:
    r"""log P(v_site | all others) for one site of each example, in nats (of the density where v is real).

    P(v_i = x | others) = exp(-F(v with v_i = x)) / sum_x' exp(-F(v with v_i = x')), an integral where x' is real. Given
    the other visible units, the density of a Gaussian unit is a mixture over h of normal densities of one width s =
    precision^(-1/2); the trapezoidal rule with step s/2 integrates it to a relative error below 1e-30 (its Fourier
    transform at 2 pi / step is exp(-8 pi^2)).

    Parameters
    ----------
    rbm : RBM
        The model.
    visible : Tensor, shape (cases, n)
    site : Tensor, shape (cases,), int64
        A visible unit for each case.

    Returns
    -------
    Tensor, shape (cases,)

    Raises
    ------
    InputError
        When visible and hidden units are real-valued and their couplings too strong for a density to exist.

    Notes
    -----
    Source of the error of the trapezoidal rule: Trefethen & Weideman 2014, section 5.
    """
    states = rbm.visible.unit_states()
    original = visible[torch.arange(len(visible), device=visible.device), site]
    if states is None:
        return _log_density(rbm, visible, site, original)
    score = -_free_energy_of_line(rbm, visible, site, states.expand(len(visible), -1))
    is_original = original[:, None] == states
    return torch.where(is_original, score.log_softmax(-1), 0.0).sum(-1)


def _free_energy_of_line(rbm: RBM, visible: Tensor, site: Tensor, values: Tensor) -> Tensor:
    """F(v with v_site = x), up to what the other units add to E_v, for several x of each example: (cases, k)."""
    own = rbm.visible.select(site).unit_energy(values.T).T
    field = rbm.hidden_field(visible)
    change = values - visible.gather(1, site[:, None])
    rows = max(1, MOST // (values.shape[1] * rbm.hidden.size))
    pieces = zip(field.split(rows), change.split(rows), rbm.weights[site].split(rows), strict=True)
    return own - torch.cat([rbm.hidden.log_partition(f[:, None] + c[..., None] * w[:, None]) for f, c, w in pieces])


def _log_density(rbm: RBM, visible: Tensor, site: Tensor, original: Tensor) -> Tensor:
    """Log density at the original values of one real-valued unit each, normalised by the trapezoidal rule."""
    low, high, step = _span(rbm, visible, site)
    step = torch.maximum(step, (high - low) / FINEST)
    counts = ((high - low) / step).ceil().long() + 1
    result = torch.empty_like(original)
    # Cases with about as many points together: the widest span of all would be far too wide for most.
    for exponent in counts.double().log2().ceil().long().unique().tolist():
        some = (counts > 2 ** (exponent - 1)) & (counts <= 2**exponent)
        points = low[some, None] + step[some, None] * torch.arange(2**exponent, device=low.device)
        values = torch.cat([original[some, None], points], 1)
        score = -_free_energy_of_line(rbm, visible[some], site[some], values)
        result[some] = score[:, 0] - score[:, 1:].logsumexp(1) - step[some].log()
    return result


def _span(rbm: RBM, visible: Tensor, site: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the density of each unit begins, where it ends, and the step of the rule: three times (cases,)."""
    units, weights = rbm.visible.select(site), rbm.weights[site]
    width = units.variance(visible.new_zeros(len(site))).sqrt()
    states = rbm.hidden.unit_states()
    if states is None:
        centre, width = _normal_conditional(rbm, visible, site)
        return centre - REACH * width, centre + REACH * width, width / 2
    # Given h the mean is that of the field w . h, which lies between the sums of its least and its largest terms.
    terms = weights[..., None] * states
    low, high = (units.mean(terms.amin(-1).sum(-1)), units.mean(terms.amax(-1).sum(-1)))
    return low - REACH * width, high + REACH * width, width / 2


def _normal_conditional(rbm: RBM, visible: Tensor, site: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of a unit whose free energy is a parabola, from three points of it."""
    origin = visible.new_zeros(len(site))
    width = rbm.visible.select(site).variance(origin).sqrt()
    values = torch.stack([-width, origin, width], 1)
    below, middle, above = _free_energy_of_line(rbm, visible, site, values).T
    curvature = (below - 2 * middle + above) / width.square()
    if (curvature <= 0).any():
        raise InputError(
            "the couplings are too strong for the precisions of the units, so that the model has no distribution"
        )
    return (below - above) / (2 * width) / curvature, curvature.rsqrt()
