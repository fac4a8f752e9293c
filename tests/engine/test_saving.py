"""The same model is the same file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.saving import saving_lib

from worker.engine.saving import load, save


def _trained() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="only")], name="net")
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    x = np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4)
    model.fit(x, x[:, :3], verbose=0, shuffle=False)
    return model


def test_two_saves_are_equal_byte_for_byte(tmp_path: Path) -> None:
    model = _trained()
    save(model, tmp_path / "first.keras")
    # A zip counts time in steps of two seconds.
    time.sleep(2.1)
    save(model, tmp_path / "second.keras")
    assert (tmp_path / "first.keras").read_bytes() == (tmp_path / "second.keras").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"first.keras", "second.keras"}


def test_nothing_else_ever_lies_beside_the_file(tmp_path: Path, monkeypatch: Any) -> None:
    """A finished level is uploaded while the engine goes on and reads it."""
    seen: set[str] = set()
    for name in ("_save_state", "_load_state"):
        was = getattr(saving_lib, name)

        def looks(*arguments: Any, was: Any = was, **named: Any) -> Any:
            seen.update(path.name for path in tmp_path.iterdir())
            return was(*arguments, **named)

        monkeypatch.setattr(saving_lib, name, looks)
    save(_trained(), tmp_path / "net.keras")
    load(tmp_path / "net.keras")
    assert seen == {"net.keras"}


def test_what_is_saved_loads_whole(tmp_path: Path) -> None:
    model = _trained()
    save(model, tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.get_compile_config() == model.get_compile_config()
    for before, after in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(before, after)
    for before, after in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(before, after)


def test_an_uncompiled_model_is_saved_with_or_without_optimizer(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="only")], name="net")
    save(model, tmp_path / "with.keras")
    save(model, tmp_path / "without.keras", with_optimizer=False)
    assert (tmp_path / "with.keras").read_bytes() == (tmp_path / "without.keras").read_bytes()
    assert not hasattr(model, "optimizer")


def test_loading_brings_back_the_same_file(tmp_path: Path) -> None:
    model = _trained()
    save(model, tmp_path / "net.keras")
    save(load(tmp_path / "net.keras"), tmp_path / "again.keras")
    loaded = load(tmp_path / "again.keras")
    assert loaded.get_compile_config() == model.get_compile_config()
    for before, after in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_model_loaded_over_another_takes_its_memory_and_the_values_of_the_file(
    tmp_path: Path,
) -> None:
    model = _trained()
    save(model, tmp_path / "net.keras")
    expected = [np.array(value) for value in model.get_weights()]
    model.set_weights([value + 1 for value in expected])
    loaded = load(tmp_path / "net.keras", over=model, compiled=False)
    for value, mine, theirs in zip(expected, loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), value)
        assert mine.value is theirs.value
