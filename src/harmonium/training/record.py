"""What training says of itself, once an epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Record:
    """The state of training after an epoch.

    Attributes
    ----------
    epoch : int
        Epochs completed.
    update : int
        Updates completed.
    seconds : float
        Time spent in updates so far, over all invocations.
    examples_per_second : float
        Training examples a second in this epoch, measuring and saving not counted.
    learning_rate : float
        That of the next update.
    reconstruction_error : float
        The mean over monitored examples and units of (v - E[v | h])^2, with h drawn from P(h | v).
    pseudo_log_likelihood : float or None
        Nats per example, estimated from a few sites each; None where it is not defined (real-valued visible units).
    free_energy_data : float
        Mean F(v) of the monitored training examples, in nats.
    free_energy_dreams : float
        Mean F(v) of dreams, in nats.
    free_energy_gap : float or None
        Mean F(v) of validation examples minus that of as many training examples, in nats: it grows with overfitting.
        None without a validation set.
    hidden_activity : float
        The mean of E[h | v] over monitored examples and hidden units.
    weight_norm : float
        The Frobenius norm of the weights.
    log_likelihood : float or None
        The mean of log P(v) over held-out examples (training examples where none are held out), in nats; None where it
        was not measured.
    log_likelihood_error : float or None
        Its standard error, that of log Z and the choice of the examples together.
    log_partition, log_partition_error : float or None
        log Z, and its standard error.
    swap_rate : float or None
        How often chains exchange, at the worst place of a ladder, where the method has one.
    warning : str or None
        What a person should know: overfitting, or chains that have stopped mixing.
    round_trips, checkpoints : float or None
        Journeys of states along the ladder of parallel tempering since it was tuned; checkpoints of trajectory
        tempering.
    """

    epoch: int
    update: int
    seconds: float
    examples_per_second: float
    learning_rate: float
    reconstruction_error: float
    pseudo_log_likelihood: float | None
    free_energy_data: float
    free_energy_dreams: float
    free_energy_gap: float | None
    hidden_activity: float
    weight_norm: float
    log_likelihood: float | None = None
    log_likelihood_error: float | None = None
    log_partition: float | None = None
    log_partition_error: float | None = None
    swap_rate: float | None = None
    round_trips: float | None = None
    checkpoints: float | None = None
    warning: str | None = None

    def to_json(self) -> str:
        """Return the record as one line of JSON; a number that is not finite becomes null."""
        finite = {
            name: value if not isinstance(value, float) or abs(value) < float("inf") else None
            for name, value in asdict(self).items()
        }
        return json.dumps(finite)
