"""An update of binary units by kernels whose calls are made once, so that next to nothing happens between them."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.gradients import ContrastiveDivergence, Estimator, PersistentContrastiveDivergence, Statistics
from harmonium.gradients.closed_form import Outer
from harmonium.kernels import (
    Averages,
    LayersDescent,
    Offsets,
    Starts,
    Sweeps,
    WeightsDescent,
    bits_for,
    is_binary,
    kernels_take,
)
from harmonium.kernels.backend import SMALLEST, compiled
from harmonium.kernels.sweeps import FEWEST
from harmonium.packed import RoundedRBM
from harmonium.sampling import GibbsState, GibbsStateInBits
from harmonium.training.descent import is_plain_descent, layer_steps, numbers_of, offsets_of, velocity_of
from harmonium.training.state import TrainingState
from harmonium.units import Bernoulli


class PreparedUpdate:
    """CD-k or PCD-k of binary units with weights of 16 bits: product, sweeps, averages, gradient and step.

    The model is that of the general way, bit for bit, where that draws states by kernels too (`SMALLEST` of them or
    more): sums, their order and random numbers are the same. What is saved
    is the time in which that way makes tensors and tables and decides which kernel to take, a quarter of an update of
    100 examples, and the memory that visible states take: here kernels hand them on as bits.

    Parameters
    ----------
    state : TrainingState
        Of the kind that `prepared` takes.
    sampled : RoundedRBM
        Its model as samplers see it.
    cases, chains, steps : int
        How many examples, chains and sweeps an update has.
    """

    def __init__(self, state: TrainingState, sampled: RoundedRBM, cases: int, chains: int, steps: int) -> None:
        rbm, packed, sweeper = state.rbm, sampled.packed, sampled.packed.sweeper()
        assert sweeper is not None
        self._rbm, self._sampled, self._shape = rbm, sampled, (cases, chains, steps)
        self._parameters = [rbm.weights, *(layer.get_parameter("bias") for layer in (rbm.visible, rbm.hidden))]
        self._velocities = [velocity_of(state.optimizer, parameter) for parameter in self._parameters]
        self._addresses = [parameter.data_ptr() for parameter in self._parameters]
        weights, below, above = (parameter.detach() for parameter in self._parameters)
        n, kernel = len(below), compiled("averages").averages_of_bits
        self._field, self._batch = weights.new_empty(cases, len(above)), bits_for(cases, n)
        self._starts = Starts(sweeper, self._field, self._batch, n)
        self._sweeps = Sweeps(sweeper, chains, (below, above), steps)
        self._of_data, self._of_model = (Averages(count, n, above, kernel) for count in (cases, chains))
        terms = (self._of_model.found[0], 1 / chains), (self._of_data.found[0], -1 / cases)
        self._step = WeightsDescent(weights, self._velocities[0], *terms, packed, of_bits=True)
        data, model = (_statistics(weights, averages.found) for averages in (self._of_data, self._of_model))
        corrections = None if state.settings.gradient == "plain" else self._step.corrections
        self._step_of_layers = LayersDescent(layer_steps(state.optimizer, rbm, data, model, corrections))

    def fits(self, state: TrainingState, *shape: int) -> bool:
        """Whether this was made for an update of this shape, and for the tensors that the state has now."""
        if self._rbm is not state.rbm or self._sampled is not state.sampled or self._shape != shape:
            return False
        if [parameter.data_ptr() for parameter in self._parameters] != self._addresses:
            return False
        pairs = zip(self._parameters, self._velocities, strict=True)
        return all(velocity_of(state.optimizer, parameter) is velocity for parameter, velocity in pairs)

    def learn(self, state: TrainingState, batch: Tensor) -> bool:
        """Change the model by one step on a batch (cases, n), and move the chains.

        Returns whether this is done: not if a state of the batch is neither 0 nor 1; then nothing has changed.
        """
        self._sampled.packed  # noqa: B018 (brings the copy up to date, if something else has changed the weights)
        if not self._starts.run(batch):
            return False
        bits, found = self._take(state)
        self._sweeps.call.run()
        self._of_model.call.run()
        self._of_data.call.run()
        self._step.centre(self._offsets(state, batch))
        self._step.call.run()
        self._step_of_layers.call.run()
        self._step.note()
        self._step_of_layers.note()
        self._sampled.stepped_with_packed()
        if state.persistent is not None:
            state.persistent = GibbsStateInBits(bits, found, batch.shape[1])
        return True

    def _take(self, state: TrainingState) -> tuple[Tensor, Tensor]:
        """Tell the kernels what is new; return where visible states of the chains, as bits, and their field will be."""
        _, chains, _ = self._shape
        bits, found = bits_for(chains, self._rbm.visible.size), self._field.new_empty(chains, self._field.shape[1])
        begin = self._field if state.chains is None else state.chains.hidden_field
        self._sweeps.take(begin, found, None, bits, state.generator)
        self._of_model.take(bits, found)
        self._of_data.take(self._batch, self._field)
        self._step.take(bits, self._batch, numbers_of(state.optimizer, 0))
        self._step_of_layers.take(numbers_of(state.optimizer, 1))
        return bits, found

    def _offsets(self, state: TrainingState, batch: Tensor) -> Offsets | None:
        """Return what centering needs, once the averages are there."""
        if state.settings.gradient == "plain":
            return None
        data, model = _statistics(batch, self._of_data.found), _statistics(batch, self._of_model.found)
        seen = GibbsState(batch, self._field)
        frame, state.kept = state.coordinates.frame(self._sampled, state.kept, seen, data, model)
        return None if frame is None else offsets_of(data, model, frame)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Leave None to a copy of the state, which makes its own: this has addresses of the tensors of one."""
        return type(None), ()


def prepared(state: TrainingState, estimator: Estimator, batch: Tensor) -> PreparedUpdate | None:
    """Return what makes the next update by prepared calls, or None where it goes the general way.

    Prepared are whole batches of binary states, for binary units whose products are made with rounded weights, by
    contrastive divergence of either kind and torch's SGD as `take_step` knows it.
    """
    sampled, cases = state.sampled, len(batch)
    if not isinstance(estimator, ContrastiveDivergence | PersistentContrastiveDivergence):
        return None
    if not isinstance(sampled, RoundedRBM) or cases != state.batch_size:
        return None
    chains = cases if state.chains is None else len(state.chains.hidden_field)
    in_order = batch.is_contiguous() and batch.dtype == torch.float32 and batch.is_cpu
    if not (in_order and is_binary(batch)) or getattr(estimator, "chains", 0) > chains:  # more are to join
        return None
    shape = cases, chains, estimator.steps
    if state.prepared is None or not state.prepared.fits(state, *shape):
        state.prepared = PreparedUpdate(state, sampled, *shape) if _is_suited(state, sampled, *shape) else None
    return state.prepared


def _is_suited(state: TrainingState, sampled: RoundedRBM, cases: int, chains: int, steps: int) -> bool:
    """Whether optimiser and settings are of the kind, and a sweep of the chains in one pass is the fastest.

    Of fewer states than the general way draws by kernels its random numbers are others. Whatever is the fastest, the
    choice must not depend there on the number of threads.
    """
    rbm, settings, penalties = state.rbm, state.settings, state.settings.penalties
    if penalties.change_gradient or penalties.max_norm or settings.gradient == "standardized" or steps < 1:
        return False
    if not is_plain_descent(state.optimizer, velocity_of(state.optimizer, rbm.weights)):
        return False
    if not type(rbm.visible) is type(rbm.hidden) is Bernoulli:
        return False
    if not kernels_take(*(parameter.detach() for parameter in rbm.parameters())):
        return False
    units, sweeper = min(sampled.weights.shape), sampled.packed.sweeper()
    if sweeper is None or units < FEWEST:
        return False
    return min(cases, chains) * units < SMALLEST or sweeper.takes(chains, units)


def _statistics(visible: Tensor, found: tuple[Tensor, Tensor, Tensor]) -> Statistics:
    mean, of_visible, of_hidden = found
    return Statistics(Outer(visible, mean, 1 / len(mean)), {"bias": of_visible}, {"bias": of_hidden})
