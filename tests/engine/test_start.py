"""What an upload is when it comes: trained or not, and what of it can still learn."""

from __future__ import annotations

from pathlib import Path

import keras

from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine import jobs
from tests.engine.training_nets import blobs
from worker.engine.lottery.settling.setup import set_up
from worker.engine.lottery.settling.start import is_untouched
from worker.engine.reporter import Reporter


def test_one_step_of_training_is_seen() -> None:
    model = jobs.net()
    assert is_untouched(model)
    train = blobs(32)
    model.fit(train.x["x"], train.y["y"], epochs=1, batch_size=32, verbose=0)
    assert not is_untouched(model)


def test_frozen_layers_that_are_cut_are_told(tmp_path: Path) -> None:
    """A frozen trunk lost units and was never trained again, and nobody said why little went."""
    model = keras.Sequential([keras.Input((6,))])
    for units, name in ((12, "trunk"), (8, "head"), (3, "kind")):
        model.add(keras.layers.Dense(units, activation="relu", name=name))
    model.compile("adam", "sparse_categorical_crossentropy")
    for frozen, protect, told in ((True, [], True), (True, ["trunk"], False), (False, [], False)):
        model.get_layer("trunk").trainable = not frozen
        model.save(tmp_path / "net.keras")
        spec = EngineSpec(
            kind="prune",
            model=tmp_path / "net.keras",
            dataset=jobs.data(tmp_path / "data.npz"),
            recipe=resolve({"protect": protect}),
            work_dir=tmp_path,
        )
        bench = set_up(spec, Reporter([].append))
        assert any("trained again: trunk." in one for one in bench.reporter.warnings) == told
