"""A job without training, checked by an outsider; and an outsider who sees every broken rule."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.acceptance import checker
from tests.acceptance.outsider import configs, keys
from tests.engine.zoo import randomise


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A compiled, trained convolutional net with a residual, and its data."""
    folder = tmp_path_factory.mktemp("upload")
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="block")(x)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    x = layers.Dense(24, "sigmoid", name="hidden", kernel_regularizer="l2")(x)
    model = randomise(keras.Model(inputs, layers.Dense(3, "softmax", name="classes")(x)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 8, 8, 3)).astype("float32"), rng.integers(0, 3, 90)
    model.fit(x, y, verbose=0)
    model.save(folder / "net.keras")
    np.savez(folder / "data.npz", x=x, y=y)
    return folder / "net.keras", folder / "data.npz"


def pruned(net: Path, data: Path, out: Path, *settings: str) -> Path:
    given = [part for setting in ("training.epochs=0", *settings) for part in ("--set", setting)]
    command = [sys.executable, "-m", "prunery", "local", "prune", net, data, *given, "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, upload: tuple[Path, Path]) -> tuple[Path, Path]:
    """An upload, and the output folder of a job of units without training."""
    out = tmp_path_factory.mktemp("units") / "out"
    return upload[0], pruned(*upload, out, "schedule.rounds=2")


def test_units_pruned_without_training_pass(job: tuple[Path, Path]):
    assert checker.check(*job, trained=False) == []
    counts = json.loads((job[1] / "certificate.json").read_text())["parameters"]
    assert counts["compact"] < counts["masked"]


def test_weights_masked_without_training_pass(upload: tuple[Path, Path], tmp_path: Path):
    settings = ("granularity=weight", "schedule.rounds=4", "schedule.pruning_fraction=0.6")
    out = pruned(*upload, tmp_path / "out", *settings)
    assert checker.check(upload[0], out, trained=False, units=False) == []


def test_counts_are_those_that_were_asked_for_on_the_command_line(
    upload: tuple[Path, Path], tmp_path: Path
):
    settings = ("round_to=4", 'protect=["hidden"]', "minimum_kept=0.3")
    settings += ("schedule.rounds=1", "schedule.pruning_fraction=0.95")
    out = pruned(*upload, tmp_path / "out", *settings)
    assert checker.check(upload[0], out, trained=False) == []
    compact = keras.saving.load_model(out / "model.keras")
    # The whole stream of the residual, at least 3 of 8 channels, in multiples of 4.
    assert [compact.get_layer(name).filters for name in ("stem", "block")] == [4, 4]
    assert compact.get_layer("hidden").units == 24


def reweighted(name: str, key: str, change: Callable[[np.ndarray], None]) -> Callable[[Path], None]:
    """Rewrite one weight of one file, and the hash that the certificate gives of it."""

    def tamper(out: Path) -> None:
        model = keras.saving.load_model(out / name)
        variable = keys.variables(model)[key]
        value = keys.array(variable)
        change(value)
        variable.assign(value)
        model.save(out / name)
        resigned(out)

    return tamper


def resigned(out: Path) -> None:
    document = json.loads((out / "certificate.json").read_text())
    for field, name in (("masked_sha256", "masked.keras"), ("compact_sha256", "model.keras")):
        document[field] = checker.files.sha256(out / name)
    (out / "certificate.json").write_text(json.dumps(document))


def certified(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def tamper(out: Path) -> None:
        document = json.loads((out / "certificate.json").read_text())
        change(document)
        (out / "certificate.json").write_text(json.dumps(document))

    return tamper


def recompiled(out: Path) -> None:
    model = keras.saving.load_model(out / "model.keras")
    model.compile("sgd", "mse")
    model.save(out / "model.keras")
    resigned(out)


def renamed(out: Path) -> None:
    model = keras.saving.load_model(out / "model.keras")
    config = json.loads(json.dumps(model.get_config()).replace("hidden", "secret"))
    other = keras.Model.from_config(config)
    other.set_weights(model.get_weights())
    other.compile_from_config(model.get_compile_config())
    other.save(out / "model.keras")
    resigned(out)


def unmasked_ticket(out: Path) -> None:
    with np.load(out / "ticket.npz") as ticket:
        arrays = {name: np.asarray(ticket[name]) for name in ticket.files}
    for name, value in arrays.items():
        if name.startswith("mask/"):
            value[...] = False
    np.savez(out / "ticket.npz", **arrays)


def first_units_of_the_bias(document: dict) -> None:
    kept = document["keep"]["hidden/bias"]["0"]
    document["keep"]["hidden/bias"]["0"] = list(range(len(kept)))


def first(value: np.ndarray) -> None:
    value.flat[0] += 0.5


def last_place(value: np.ndarray) -> None:
    value.flat[0] = np.nextafter(value.flat[0], np.float32(9))


def everywhere(value: np.ndarray) -> None:
    value += 0.125


TAMPERED = {
    "a weight of model.keras in its last place": (
        reweighted("model.keras", "block/kernel", last_place),
        "block/kernel is not the part",
    ),
    "a weight of model.keras": (
        reweighted("model.keras", "classes/kernel", first),
        "differs by",
    ),
    "removed weights of masked.keras": (
        reweighted("masked.keras", "hidden/kernel", everywhere),
        "hidden/kernel is not 0",
    ),
    "indices of the certificate": (
        certified(lambda d: d["keep"]["hidden/kernel"]["1"].reverse()),
        "do not ascend",
    ),
    "another choice for the bias": (
        certified(first_units_of_the_bias),
        "keep different units",
    ),
    "the certificate's hash": (
        certified(lambda d: d.update(compact_sha256="0" * 64)),
        "is not the hash",
    ),
    "the certificate's counts": (
        certified(lambda d: d["parameters"].update(compact=1)),
        "parameters are",
    ),
    "the compile configuration": (recompiled, "compiled differently"),
    "a layer's name": (renamed, "secret"),
    "the ticket": (unmasked_ticket, "is not 0 where its mask is"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_every_broken_rule_is_seen(what: str, job: tuple[Path, Path], tmp_path: Path):
    tamper, said = TAMPERED[what]
    out = Path(shutil.copytree(job[1], tmp_path / "out"))
    tamper(out)
    problems = checker.check(job[0], out, trained=False)
    assert any(said in problem for problem in problems), problems


def test_a_missing_file_is_named(job: tuple[Path, Path], tmp_path: Path):
    out = Path(shutil.copytree(job[1], tmp_path / "out"))
    (out / "ticket.npz").unlink()
    assert checker.check(job[0], out) == ["missing: ticket.npz"]


def test_an_array_of_an_initializer_may_be_cut_and_a_number_may_not_change() -> None:
    def bias(value: object) -> dict[str, object]:
        return {"bias_initializer": {"class_name": "Constant", "config": {"value": value}}}

    def array(*numbers: float) -> dict[str, object]:
        written = {"value": list(numbers), "dtype": "float32"}
        return bias({"class_name": "__numpy__", "config": written})

    assert not list(configs.more_than_sizes(array(1, 2, 3), array(1, 3)))
    assert list(configs.more_than_sizes(bias(1.0), bias(2.0)))
