"""Records, read back from the event files."""

import pytest

from harmonium.data import load
from harmonium.tensorboard import TensorBoard
from harmonium.training import materials, recipe, start, train

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def test_every_measurement_is_there(tmp_path):
    settings = recipe("pcd", hidden=4, epochs=3, batch_size=10, chains=10)
    data = materials(load("bars-and-stripes"), settings, validation=0)
    logged, records = TensorBoard(tmp_path / "logs"), []
    for record in train(start(settings, data), data):
        logged(record)
        records.append(record)
    logged.close()
    events = accumulator.EventAccumulator(str(tmp_path / "logs")).Reload()
    found = events.Scalars("likelihood/log_likelihood")
    measured = {record.update: record.log_likelihood for record in records if record.log_likelihood is not None}
    assert {event.step: event.value for event in found} == pytest.approx(measured)
    assert len(events.Scalars("model/weight_norm")) == 3
    assert "free_energy/validation_minus_training" not in events.Tags()["scalars"]  # there is no validation set
