"""A net whose biases were never moved is untrained, whatever it happens to score."""

from __future__ import annotations

from tests.engine import jobs
from tests.engine.training_nets import blobs
from worker.engine.lottery.settling.start import is_untouched


def test_one_step_of_training_is_seen() -> None:
    model = jobs.net()
    assert is_untouched(model)
    train = blobs(32)
    model.fit(train.x["x"], train.y["y"], epochs=1, batch_size=32, verbose=0)
    assert not is_untouched(model)
