"""Keys are unique and last; masks are exact zeros."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from worker.engine import masks
from worker.engine.compaction import ticket


def nested() -> keras.Model:
    """Two nested models whose layers share a name, recurrence, wrappers, counters."""
    inputs = keras.Input((5, 3))
    x = layers.Bidirectional(
        layers.LSTM(4, dropout=0.1, return_sequences=True, name="lstm"), name="bi"
    )(inputs)
    x = layers.TimeDistributed(keras.Sequential([layers.Dense(3), layers.Dropout(0.5)]))(x)
    x = layers.RNN(
        [layers.LSTMCell(3, name="lstm_cell"), layers.GRUCell(2, name="gru_cell")], name="stack"
    )(x)
    x = keras.Sequential([layers.Dense(3, name="dense")], name="dense")(x)
    x = keras.Sequential([layers.Dense(3, name="dense")], name="head")(x)
    return keras.Model(inputs, x)


def test_keys_are_unique_and_survive_a_reload(tmp_path: Path):
    model = nested()
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    keys = masks.variable_keys(model, seeds=True)
    assert list(keys) == list(masks.variable_keys(loaded, seeds=True))
    assert len(keys) == len({id(v) for v in model.variables})
    assert {"dense/dense/kernel", "head/dense/kernel", "stack/lstm_cell/recurrent_kernel"} <= set(
        keys
    )
    assert masks.key_of(model)[id(keys["head/dense/bias"])] == "head/dense/bias"
    for key in keys:
        assert masks.variable_keys(loaded, seeds=True)[key].shape == keys[key].shape


def test_a_shared_variable_has_one_key():
    inputs = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), shared], name="inner")
    model = keras.Model(inputs, inner(shared(inputs)))
    assert list(masks.variable_keys(model)) == ["shared/kernel", "shared/bias"]


def test_what_is_prunable():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4, name="words")(inputs)
    x = layers.MultiHeadAttention(2, 3, name="heads")(x, x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.SeparableConv1D(4, 2, name="conv")(x)
    x = layers.GRU(3, name="gru")(x)
    assert masks.prunable_keys(keras.Model(inputs, x)) == [
        "words/embeddings",
        "heads/query/kernel",
        "heads/key/kernel",
        "heads/value/kernel",
        "heads/attention_output/kernel",
        "conv/depthwise_kernel",
        "conv/pointwise_kernel",
        "gru/gru_cell/kernel",
        "gru/gru_cell/recurrent_kernel",
    ]


def test_applying_a_mask_leaves_exact_zeros_and_the_rest_alone():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")])
    before = masks.values(masks.variable_keys(model)["d/kernel"])
    mask = np.random.default_rng(0).random((4, 3)) < 0.5
    masks.apply(model, {"d/kernel": mask})
    after = masks.values(masks.variable_keys(model)["d/kernel"])
    assert not after[~mask].any()
    assert not np.signbit(after[~mask]).any()
    np.testing.assert_array_equal(after[mask], before[mask])
    assert masks.density({"d/kernel": mask}) == mask.mean()
    with pytest.raises(ValueError, match="the mask of d/kernel"):
        masks.apply(model, {"d/kernel": mask[:2]})


def test_density_counts_weights_not_layers():
    found = {"a": np.ones((2, 2), bool), "b": np.zeros((3, 4), bool)}
    assert masks.density(found) == 4 / 16
    assert masks.density(found, ["a"]) == 1.0


def test_a_ticket_reads_back_in_full_shape_without_pickles(tmp_path: Path):
    model = nested()
    keys = masks.prunable_keys(model)
    variables = masks.variable_keys(model)
    rewound = {key: masks.values(variables[key]) for key in keys}
    rng = np.random.default_rng(1)
    chosen = {key: rng.random(value.shape) < 0.3 for key, value in rewound.items()}
    ticket.save(tmp_path / "ticket.npz", chosen, rewound)
    ticket.save(tmp_path / "again.npz", chosen, rewound)
    assert (tmp_path / "ticket.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    loaded_masks, loaded = ticket.load(tmp_path / "ticket.npz")
    for key in keys:
        np.testing.assert_array_equal(loaded_masks[key], chosen[key])
        np.testing.assert_array_equal(loaded[key], rewound[key])
    with np.load(tmp_path / "ticket.npz", allow_pickle=False) as archive:
        assert "mask/bi/forward_lstm/lstm_cell/kernel" in archive.files
