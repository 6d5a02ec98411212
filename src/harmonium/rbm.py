"""The model: energy, free energy, and the two conditional distributions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmonium.errors import InputError
from harmonium.units import Units


class RBM(nn.Module):
    r"""A restricted Boltzmann machine, or exponential family harmonium, of any two unit families.

        E(v, h) = E_v(v) + E_h(h) - sum_ij v_i W_ij h_j            P(v, h) = exp(-E(v, h)) / Z
        F(v)    = -log sum_h exp(-E(v, h)) = E_v(v) - Gamma_h(W^T v)
        log P(v) = -F(v) - log Z

    Parameters
    ----------
    visible, hidden : Units
        The two layers.
    weights : Tensor, shape (visible.size, hidden.size), optional
        Start (and share storage with) these, in their dtype, which the layers take over; without them they
        are drawn from Normal(0, 0.01^2), as Hinton 2010, section 8, advises.
    generator : torch.Generator, optional
        The source of that draw; without one, a new generator with torch's default seed, so the same weights each time.

    Attributes
    ----------
    visible, hidden : Units
        The layers, each with its own parameters.
    weights : Parameter, shape (visible.size, hidden.size)
        ``weights[i, j]`` couples visible unit i with hidden unit j.

    Raises
    ------
    InputError
        When the weights are not of shape (visible.size, hidden.size).

    Notes
    -----
    All methods take states with any leading dimensions, (..., n). Energies are in nats. Sources: Smolensky 1986;
    Welling, Rosen-Zvi & Hinton 2004.

    Examples
    --------
    >>> import torch
    >>> from harmonium.units import Bernoulli
    >>> rbm = RBM(Bernoulli(3), Bernoulli(2), weights=torch.zeros(3, 2))
    >>> round(rbm.free_energy(torch.zeros(3)).item(), 4)      # -2 log 2: two free hidden units
    -1.3863
    """

    def __init__(
        self,
        visible: Units,
        hidden: Units,
        weights: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if weights is None:
            generator = torch.Generator() if generator is None else generator
            weights = 0.01 * torch.randn(visible.size, hidden.size, generator=generator, device=generator.device)
        if tuple(weights.shape) != (visible.size, hidden.size):
            raise InputError(
                f"weights have shape {tuple(weights.shape)}, but the layers ask for ({visible.size}, {hidden.size})"
            )
        self.visible = visible
        self.hidden = hidden
        self.weights = nn.Parameter(weights.detach())
        self.to(weights.dtype)  # layers are made in torch's default dtype; the weights decide

    # The three products with the weights: other kinds of couplings replace these three and nothing else.

    def hidden_field(self, visible: Tensor) -> Tensor:
        """W^T v, what the visible layer sends to the hidden one: (..., n) -> (..., m)."""
        self.visible.check_width(visible, "the visible state")
        return visible @ self.weights

    def visible_field(self, hidden: Tensor) -> Tensor:
        """W h, what the hidden layer sends to the visible one: (..., m) -> (..., n)."""
        self.hidden.check_width(hidden, "the hidden state")
        return hidden @ self.weights.T

    def add_coupling_statistics(self, out: Tensor, visible: Tensor, hidden: Tensor, scale: float, beta: float) -> None:
        """out = beta out + scale sum_cases v h^T, where v h^T = -dE/dW: (n, m) from (cases, n), (cases, m).

        With beta 0 what `out` held does not matter.
        """
        torch.addmm(out, visible.T, hidden, beta=beta, alpha=scale, out=out)

    # Energies

    def energy(self, visible: Tensor, hidden: Tensor) -> Tensor:
        """E(v, h) = E_v(v) + E_h(h) - v^T W h, in nats: (..., n), (..., m) -> (...)."""
        coupling = (self.hidden_field(visible) * hidden).sum(-1)
        return self.visible.energy(visible) + self.hidden.energy(hidden) - coupling

    def free_energy(self, visible: Tensor) -> Tensor:
        """F(v) = E_v(v) - Gamma_h(W^T v), in nats, so that log P(v) = -F(v) - log Z: (..., n) -> (...)."""
        return self.free_energy_from_field(visible, self.hidden_field(visible))

    def free_energy_from_field(self, visible: Tensor, hidden_field: Tensor) -> Tensor:
        """F(v) where the field W^T v is at hand already: (..., n), (..., m) -> (...)."""
        return self.visible.energy(visible) - self.hidden.log_partition(hidden_field)

    # The two conditional distributions

    def mean_hidden_given_visible(self, visible: Tensor) -> Tensor:
        """E[h | v]; for binary hidden units, P(h_j = 1 | v): (..., n) -> (..., m)."""
        return self.hidden.mean(self.hidden_field(visible))

    def mean_visible_given_hidden(self, hidden: Tensor) -> Tensor:
        """E[v | h]; for binary visible units, P(v_i = 1 | h): (..., m) -> (..., n)."""
        return self.visible.mean(self.visible_field(hidden))

    def sample_hidden_given_visible(self, visible: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """H ~ P(h | v): (..., n) -> (..., m)."""
        return self.hidden.sample(self.hidden_field(visible), generator)

    def sample_visible_given_hidden(self, hidden: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """V ~ P(v | h): (..., m) -> (..., n)."""
        return self.visible.sample(self.visible_field(hidden), generator)

    def sweep(
        self, hidden_field: Tensor, sweeps: int = 1, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Gibbs sweeps from the field W^T v of a state: h ~ P(h | v), then v ~ P(v | h), so many times, at least once.

        Returns v and its field W^T v: (..., m) -> (..., n), (..., m).
        """
        return self.sweep_between(hidden_field, (self.visible, self.hidden), 1.0, sweeps, generator)

    def sweep_between(
        self,
        hidden_field: Tensor,
        layers: tuple[Units, Units],
        scale: float,
        sweeps: int = 1,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Gibbs sweeps of the RBM with other layers (visible, hidden) and with the weights times a factor.

        As `sweep`: the field that it takes and the one that it returns are W^T v, without the factor.
        """
        self.hidden.check_width(hidden_field, "the hidden field")
        if sweeps < 1:
            raise InputError(f"chains take at least one sweep, not {sweeps}")
        visible_units, hidden_units = layers
        for _ in range(sweeps):
            hidden = hidden_units.sample(_scaled(hidden_field, scale), generator)
            visible = visible_units.sample(_scaled(self.visible_field(hidden), scale), generator)
            hidden_field = self.hidden_field(visible)
        return visible, hidden_field

    def check_finite(self) -> None:
        """Raise `InputError` if a parameter is NaN or infinite, as after training that diverged."""
        for name, parameter in self.named_parameters():
            if not torch.isfinite(parameter).all():
                raise InputError(f"the model's {name} holds values that are not finite: it has diverged, train it anew")

    # Other models made of this one

    def mirror(self) -> RBM:
        """Return the same model with the layers exchanged; it shares the memory of all parameters with this one."""
        return RBM(self.hidden, self.visible, weights=self.weights.detach().T)

    def interpolate(self, base: RBM, beta: float) -> RBM:
        """Return the RBM with energy (1 - beta) E_base(v, h) + beta E(v, h).

        Parameters
        ----------
        base : RBM
            A model of the same shape and families; with zero weights it is the usual start of annealing.
        beta : float
            The inverse temperature, 0 for `base` and 1 for this model.
        """
        return RBM(
            self.visible.interpolate(base.visible, beta),
            self.hidden.interpolate(base.hidden, beta),
            weights=torch.lerp(base.weights.detach(), self.weights.detach(), beta),
        )


def _scaled(field: Tensor, scale: float) -> Tensor:
    return field if scale == 1 else scale * field
