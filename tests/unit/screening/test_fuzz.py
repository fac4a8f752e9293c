"""Whatever arrives, the checkers answer with our error or with nothing."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prunery.screening import config, legacy, strict_json
from prunery.screening.datasets import screen_dataset
from prunery.screening.models import screen_model
from prunery.specs.errors import PruneryError
from tests.unit.screening.builders import dense, keras_config, keras_file, layer

QUIET = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Bytes of honest files, by name."""
    folder = tmp_path_factory.mktemp("honest")
    keras_file(folder / "a.keras", keras_config(dense(), layer("Dropout", name="d", rate=0.5)))
    np.savez(folder / "a.npz", x=np.zeros((4, 2)), y=np.arange(4))
    np.savez_compressed(folder / "b.npz", x=np.ones((4, 2)), y=np.array(list("abca")))
    (folder / "a.csv").write_text("a,b,label\n1,2,x\n3,4,y\n")
    with zipfile.ZipFile(folder / "a.zip", "w") as zipped:
        for name in ("cat/1.png", "dog/2.png"):
            zipped.writestr(name, b"\x89PNG\r\n\x1a\n" + bytes(20))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _screen(path: Path) -> None:
    screen = screen_model if path.suffix == ".keras" else screen_dataset
    with contextlib.suppress(PruneryError):
        screen(path, path.name)


@QUIET
@given(
    name=st.sampled_from(["a.keras", "a.npz", "b.npz", "a.csv", "a.zip"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_damaged_files(
    honest: dict[str, bytes],
    tmp_path: Path,
    name: str,
    edits: list[tuple[float, int]],
    cut: float | None,
) -> None:
    raw = bytearray(honest[name])
    for place, value in edits:
        raw[min(int(place * len(raw)), len(raw) - 1)] = value
    path = tmp_path / name
    path.write_bytes(raw if cut is None else raw[: int(cut * len(raw))])
    _screen(path)


@QUIET
@given(name=st.sampled_from(["a.keras", "a.npz", "a.csv", "a.zip"]), raw=st.binary(max_size=300))
def test_bytes_from_nowhere(tmp_path: Path, name: str, raw: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    _screen(path)
    path.write_bytes(b"PK\x03\x04" + raw)
    _screen(path)


KEYS = st.sampled_from(
    [
        "class_name",
        "config",
        "module",
        "registered_name",
        "layers",
        "name",
        "inbound_nodes",
        "activation",
        "loss",
        "metrics",
        "vocabulary",
        "input_layers",
        "output_layers",
        "dtype",
        "optimizer_config",
        "learning_rate",
        "lr",
        "function",
        "items",
        "batch_input_shape",
        "fn",
    ]
)
NAMES = st.sampled_from(
    [
        "Sequential",
        "Functional",
        "Model",
        "Dense",
        "InputLayer",
        "Lambda",
        "function",
        "Adam",
        "__lambda__",
        "__slice__",
        "relu",
        "__keras_tensor__",
        "__numpy__",
        "__tuple__",
        "TFOpLambda",
        "keras",
        "keras.layers",
        "tf_keras.layers",
        "builtins",
        "keras.src.ops.core",
        "math.add",
        "MeanMetricWrapper",
        "LossScaleOptimizer",
        "a",
        "b/c",
    ]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 2**30), st.floats(-2, 2), NAMES),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)


@settings(max_examples=200)
@given(document=st.dictionaries(KEYS, VALUES, max_size=7))
def test_configurations_from_nowhere(document: dict[str, Any]) -> None:
    with contextlib.suppress(PruneryError):
        config.check_model(document)
    with contextlib.suppress(PruneryError):
        config.check_compile(document)
    for version in (None, "2.12.0", "3.1.0"):
        with contextlib.suppress(PruneryError):
            if legacy.is_legacy(document, version):
                translated = legacy.modern_model(document, version)
                json.dumps(legacy.modern_compile(document))
                config.check_model(translated)


def _rich() -> dict[str, Any]:
    """An honest configuration with an object of every kind."""
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["input", 0, 0]},
    }
    sliced = {"class_name": "__slice__", "config": {"start": 1, "stop": None, "step": None}}
    constant = {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}
    node = {"args": [tensor, [sliced, constant]], "kwargs": {"training": False}}
    regularizer = layer("L2", "keras.regularizers", l2=0.1)
    return keras_config(
        {**dense(kernel_regularizer=regularizer), "name": "dense", "inbound_nodes": [node]},
        layer("StringLookup", name="words", vocabulary=["a"]),
        layer("Bidirectional", name="b", layer=layer("LSTM", name="l", units=2)),
    )


RICH = _rich()


@settings(max_examples=300)
@given(data=st.data(), value=VALUES)
def test_configurations_that_are_nearly_right(data: st.DataObject, value: Any) -> None:
    config.check_model(RICH)
    document = json.loads(json.dumps(RICH))
    place = data.draw(st.sampled_from(list(_places(RICH))))
    parent: Any = document
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    with contextlib.suppress(PruneryError):
        config.check_model(document)
    with contextlib.suppress(PruneryError):
        config.check_model(legacy.modern_model(document, "2.12.0"))


@settings(max_examples=300)
@given(text=st.text(alphabet='[]{}",:0123456789eE.-+nulltrefas \\', max_size=80))
def test_json_from_nowhere(text: str) -> None:
    with contextlib.suppress(PruneryError):
        strict_json.parse(text)


def test_an_unsafe_object_never_passes_wherever_it_is_put() -> None:
    """Put a Lambda at every place of an honest configuration: each is refused."""
    bad = layer("Lambda", name="x", function={"class_name": "__lambda__", "config": {}})
    honest = keras_config(
        dense(kernel_regularizer=layer("L2", "keras.regularizers", l2=0.1)),
        layer("Bidirectional", name="b", layer=layer("LSTM", name="l", units=2)),
    )
    places = list(_places(honest))
    assert len(places) > 30
    for place in places:
        document = json.loads(json.dumps(honest))
        parent: Any = document
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = bad
        with pytest.raises(PruneryError):
            config.check_model(document)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from _places(child, (*path, key))


def test_the_checkers_import_no_library() -> None:
    code = (
        "import sys, prunery.screening.models, prunery.screening.datasets, prunery.screening.fit;"
        "bad = {'numpy', 'h5py', 'tensorflow', 'keras', 'PIL'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
