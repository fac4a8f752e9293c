"""Counts as the person who asks sees them: widths, minimum, protection, heads, streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from prunery.specs.report import ModelFigures
from tests.acceptance.checker import check
from tests.engine import jobs
from tests.engine.zoo import randomise
from worker.engine.compaction import ticket
from worker.engine.lottery.results import reporting
from worker.local import commands as local

UNTRAINED: dict[str, Any] = {
    "training": {"epochs": 0},
    "objective": {},
    "schedule": {"rounds": 1, "pruning_fraction": 0.5},
    "minimum_kept": 0.0,
}


def pruned(folder: Path, model: keras.Model, **recipe: Any) -> keras.Model:
    """The compact network, after an outsider has found nothing wrong with it."""
    done = jobs.prune(folder, jobs.merged(UNTRAINED, recipe), model=model, dataset=None)
    assert check(done.model, done.out, trained=False) == []
    return done.compact


def dense_chain(*units: int) -> keras.Model:
    """Dense layers `d<units>`, each feeding the next, and a head."""
    x = inputs = keras.Input((6,), name="x")
    for count in units:
        x = layers.Dense(count, "relu", name=f"d{count}")(x)
    return randomise(keras.Model(inputs, layers.Dense(3, name="head")(x)))


def widths(model: keras.Model) -> dict[str, int]:
    return {layer.name: layer.units for layer in model.layers if hasattr(layer, "units")}


def resnet() -> keras.Model:
    """A stem and two blocks on one stream of 16 channels; each block is 8 wide inside."""
    inputs = keras.Input((8, 8, 3), name="x")
    x = layers.BatchNormalization(name="stem_norm")(layers.Conv2D(16, 3, name="stem")(inputs))
    for k in range(2):
        y = layers.Conv2D(8, 3, padding="same", name=f"in{k}")(layers.ReLU()(x))
        y = layers.ReLU()(layers.BatchNormalization(name=f"norm{k}")(y))
        x = layers.Add()([x, layers.Conv2D(16, 3, padding="same", name=f"out{k}")(y)])
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization(name="last_norm")(x))
    return randomise(keras.Model(inputs, layers.Dense(3, name="head")(x)))


def decoder(norm: type[keras.Layer]) -> keras.Model:
    """Two transformer blocks on one stream of 12 channels."""
    inputs = keras.Input((6, 5), name="x")
    x = layers.Dense(12, name="embed")(inputs)
    for k in range(2):
        y = norm(name=f"before_attention{k}")(x)
        y = layers.MultiHeadAttention(4, 6, name=f"attention{k}")(y, y)
        x = layers.Add()([x, y])
        y = layers.Dense(20, "gelu", name=f"up{k}")(norm(name=f"before_mlp{k}")(x))
        x = layers.Add()([x, layers.Dense(12, name=f"down{k}")(y)])
    return randomise(keras.Model(inputs, layers.Dense(3, name="head")(norm(name="last")(x))))


def test_widths_are_multiples_and_groups_below_one_stay_whole(tmp_path: Path):
    found = pruned(tmp_path, dense_chain(100, 36, 20, 12, 6), round_to=8)
    assert {name: count for name, count in widths(found).items() if count % 8} == {
        "d6": 6,
        "head": 3,
    }
    assert widths(found)["d100"] < 100


def test_a_target_is_met_in_multiples_too(tmp_path: Path):
    """Units of `d100` are all alike: ranked together, those of the other layers go first."""
    model = dense_chain(100, 36)
    kernel = model.get_layer("d100").kernel
    kernel.assign(keras.ops.ones_like(kernel))
    recipe = {"objective": {"parameters_ratio": 0.9}, "criterion": {"over": "in"}, "round_to": 8}
    found = widths(pruned(tmp_path, model, **recipe))
    assert found["d100"] in (96, 88, 80)
    assert found["d36"] in (32, 24)


def test_no_group_falls_below_the_minimum(tmp_path: Path):
    recipe = {"minimum_kept": 0.3, "schedule": {"pruning_fraction": 0.95}}
    found = pruned(tmp_path, dense_chain(40, 25, 7), **recipe)
    assert widths(found) == {"d40": 12, "d25": 8, "d7": 3, "head": 3}


def test_a_protected_layer_keeps_its_units_and_what_feeds_it_may_shrink(tmp_path: Path):
    found = pruned(tmp_path, dense_chain(40, 20, 12), protect=["d20"], scope="layer")
    assert widths(found) == {"d40": 20, "d20": 20, "d12": 6, "head": 3}


def test_a_protected_layer_keeps_its_weights_whatever_the_criterion(tmp_path: Path):
    recipe = {
        "granularity": "weight",
        "criterion": {"name": "threshold", "threshold": 0.1},
        "protect": ["d20"],
    }
    done = jobs.prune(
        tmp_path, jobs.merged(UNTRAINED, recipe), model=dense_chain(40, 20), dataset=None
    )
    mask, _ = ticket.load(done.out / "ticket.npz")
    assert mask["d20/kernel"].all()
    assert not mask["d40/kernel"].all()


def test_a_fraction_is_of_the_layers_own_units(tmp_path: Path):
    recipe = {"layer_fractions": {"d20": 0.25}, "scope": "layer"}
    found = pruned(tmp_path, dense_chain(40, 20, 12), **recipe)
    assert widths(found) == {"d40": 20, "d20": 15, "d12": 6, "head": 3}


def test_a_protected_normalisation_keeps_the_channels_that_pass_through_it(tmp_path: Path):
    found = pruned(tmp_path, resnet(), protect=["norm0"], scope="layer")
    filters = {k: found.get_layer(k).filters for k in ("stem", "in0", "in1", "out0", "out1")}
    assert filters == {"stem": 8, "in0": 8, "in1": 4, "out0": 8, "out1": 8}


def test_a_residual_stream_is_narrowed_as_one_group(tmp_path: Path):
    found = pruned(tmp_path, resnet(), scope="layer")
    for name in ("stem", "out0", "out1"):
        assert found.get_layer(name).filters == 8
    assert found.get_layer("last_norm").gamma.shape == (8,)
    groups = {
        g["name"]: g for g in local.inspect(tmp_path / "upload.keras")["prunability"]["groups"]
    }
    assert groups["stem"]["units"] == 16
    assert {"stem", "stem_norm", "in0", "out0", "in1", "out1", "last_norm", "head"} == set(
        groups["stem"]["layers"]
    )


@pytest.mark.parametrize(
    ("norm", "stream"),
    [(layers.BatchNormalization, 6), (layers.RMSNormalization, 6), (layers.LayerNormalization, 12)],
)
def test_a_transformers_stream_goes_where_the_norm_is_exact(
    norm: type[keras.Layer], stream: int, tmp_path: Path
):
    """A mean over channels keeps its stream; inside of the blocks everything goes all the same."""
    found = pruned(tmp_path, decoder(norm), scope="layer")
    attention = found.get_layer("attention1")
    assert (attention.num_heads, attention.key_dim, attention.value_dim) == (2, 3, 3)
    assert widths(found)["up0"] == 10
    for name in ("embed", "down0", "down1"):
        assert widths(found)[name] == stream


def test_a_report_counts_units_and_not_the_last_axis_of_a_kernel(tmp_path: Path):
    inputs = keras.Input((3, 3, 2), name="x")
    x = layers.Conv2D(12, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.DepthwiseConv2D(3, padding="same", name="deep")(x)
    x = layers.Conv2DTranspose(10, 2, strides=2, activation="relu", name="grown")(x)
    x = layers.SeparableConv2D(8, 3, activation="relu", name="apart")(x)
    x = layers.LSTM(6, name="memory")(layers.Reshape((-1, 8))(x))
    model = randomise(keras.Model(inputs, layers.Dense(3, name="head")(x)))
    done = jobs.prune(
        tmp_path, jobs.merged(UNTRAINED, {"scope": "layer"}), model=model, dataset=None
    )
    told = [(one.layer.split("/")[0], one.before, one.after) for one in done.report.layers]
    assert told == [
        ("conv", 12, 6),
        ("deep", 12, 6),
        ("grown", 10, 5),
        ("apart", 10, 5),
        ("apart", 8, 4),
        ("memory", 6, 3),
        ("head", 3, 3),
    ]


@pytest.mark.parametrize(
    ("size_bytes", "weights", "told"),
    [
        (97_633, 944, "1.1 times smaller, with 5.0 times fewer live weights."),
        (30_000, 944, "3.7 times smaller."),
        (112_000, 944, "5.01 times fewer live weights, in a file of about the same size."),
    ],
)
def test_a_file_that_is_mostly_no_weights_does_not_hide_what_was_won(
    size_bytes: int, weights: int, told: str
):
    dense = ModelFigures(parameters=4_732, live_parameters=4_732, size_bytes=112_818)
    compact = ModelFigures(parameters=weights, live_parameters=weights, size_bytes=size_bytes)
    assert reporting._smaller(dense, compact) == told
