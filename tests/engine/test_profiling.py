"""FLOPs are twice the multiply-adds, exactly; bytes and latency are measured."""

from __future__ import annotations

import gzip
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from worker.engine import masks, profiling


def one(layer: keras.Layer, *shape: int | None) -> keras.Model:
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


# Layer, input shape, multiply-adds worked out by hand.
CASES = [
    (layers.Dense(5), (7,), 7 * 5),
    (layers.Dense(5), (3, 7), 3 * 7 * 5),
    (layers.EinsumDense("abc,cd->abd", output_shape=(None, 4)), (6, 5), 6 * 5 * 4),
    (layers.EinsumDense("...x,xy->...y", output_shape=4), (2, 3, 5), 2 * 3 * 5 * 4),
    (layers.Conv1D(4, 3), (10, 2), 8 * 3 * 2 * 4),
    (layers.Conv2D(6, 3, strides=2, padding="same"), (8, 8, 4), 16 * 9 * 4 * 6),
    (layers.Conv2D(6, 3, groups=2), (8, 8, 4), 36 * 9 * 2 * 6),
    (layers.Conv3D(2, 2), (3, 3, 3, 2), 8 * 8 * 2 * 2),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 4), 36 * 9 * 8),
    (layers.SeparableConv2D(5, 3), (8, 8, 4), 36 * (9 * 4 + 4 * 5)),
    (layers.SeparableConv1D(5, 3, padding="same"), (8, 4), 8 * (3 * 4 + 4 * 5)),
    (layers.Conv2DTranspose(5, 3, strides=2), (4, 4, 2), 16 * 9 * 2 * 5),
    (layers.Conv1DTranspose(5, 3, strides=2), (4, 2), 4 * 3 * 2 * 5),
    (layers.SimpleRNN(4), (6, 3), 6 * (3 * 4 + 4 * 4)),
    (layers.LSTM(4), (6, 3), 6 * 4 * (3 * 4 + 4 * 4)),
    (layers.GRU(4), (6, 3), 6 * 3 * (3 * 4 + 4 * 4)),
    (layers.Bidirectional(layers.LSTM(4)), (6, 3), 2 * 6 * 4 * (3 * 4 + 4 * 4)),
    (layers.RNN([layers.LSTMCell(4), layers.GRUCell(2)]), (6, 3), 6 * (4 * 28 + 3 * 12)),
    (layers.ConvLSTM2D(3, 3), (5, 6, 6, 2), 5 * 16 * 4 * 9 * (2 * 3 + 3 * 3)),
    (layers.TimeDistributed(layers.Dense(5)), (3, 7), 3 * 7 * 5),
    (layers.SpectralNormalization(layers.Dense(5)), (7,), 7 * 5),
    (layers.Embedding(10, 4), (6,), 0),
    (layers.BatchNormalization(), (6,), 0),
]


@pytest.mark.parametrize(
    ("layer", "shape", "multiplied"), CASES, ids=[f"{c[0].name}-{c[1]}" for c in CASES]
)
def test_flops_are_twice_the_multiply_adds(layer, shape, multiplied):
    assert profiling.flops(one(layer, *shape)) == 2 * multiplied


def test_a_fixed_batch_does_not_multiply_them() -> None:
    inputs = keras.Input((7,), batch_size=4)
    assert profiling.flops(keras.Model(inputs, layers.Dense(5)(inputs))) == 2 * 7 * 5


def test_channels_first_counts_the_same():
    first = one(layers.Conv2D(6, 3, data_format="channels_first"), 4, 8, 8)
    assert profiling.flops(first) == 2 * 36 * 9 * 4 * 6


def test_attention_counts_projections_and_products():
    query, value = keras.Input((5, 8)), keras.Input((7, 6))
    heads = layers.MultiHeadAttention(2, 3, value_dim=4)(query, value)
    multiplied = 5 * 8 * 2 * 3 + 7 * 6 * 2 * 3 + 7 * 6 * 2 * 4 + 5 * 2 * 4 * 8 + 5 * 7 * 2 * (3 + 4)
    assert profiling.flops(keras.Model([query, value], heads)) == 2 * multiplied
    value = keras.Input((7, 8))
    grouped = layers.GroupQueryAttention(3, 4, 2)(query, value)
    multiplied = 5 * 8 * 12 + 2 * 7 * 8 * 6 + 5 * 12 * 8 + 5 * 7 * 4 * (3 + 3)
    assert profiling.flops(keras.Model([query, value], grouped)) == 2 * multiplied


def test_products_without_weights_are_counted():
    a, b = keras.Input((5, 8)), keras.Input((8, 6))
    assert profiling.flops(keras.Model([a, b], keras.ops.matmul(a, b))) == 2 * 5 * 8 * 6
    assert profiling.flops(keras.Model([a, b], layers.Dot((2, 1))([a, b]))) == 2 * 5 * 8 * 6
    plain = keras.ops.einsum("bij,bjk->bik", a, b)
    assert profiling.flops(keras.Model([a, b], plain)) == 2 * 5 * 8 * 6


def test_shared_and_nested_layers_count_at_every_call():
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="c")]
    )
    model = keras.Model(inputs, layers.Add()([inner(inputs), inner(inner(inputs))]))
    counted = profiling.flops_by_layer(model)
    assert counted is not None
    assert counted[f"{inner.name}/c"] == 3 * 2 * 64 * 9 * 9
    assert profiling.flops(model) == 3 * 2 * 64 * 9 * 9


def test_a_free_dimension_gives_no_figure_unless_it_does_not_matter():
    assert profiling.flops(one(layers.Conv2D(4, 3), None, None, 3)) is None
    inputs = keras.Input((None, 3))
    pooled = layers.GlobalAveragePooling1D()(inputs)
    assert profiling.flops(keras.Model(inputs, layers.Dense(4)(pooled))) == 2 * 3 * 4


def test_live_parameters_leave_out_pruned_weights_only():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    assert profiling.parameters(model) == 15 + 12
    (key,) = masks.prunable_keys(model)
    mask = np.zeros((4, 3), bool)
    mask[0] = True
    masks.apply(model, {key: mask})
    assert profiling.live_parameters(model) == 27 - 9


def test_gzip_bytes_are_those_of_gzip(tmp_path: Path):
    path = tmp_path / "zeros"
    path.write_bytes(bytes(100_000) + np.random.default_rng(0).bytes(5_000))
    assert profiling.size_bytes(path) == 105_000
    assert profiling.gzip_bytes(path) == len(gzip.compress(path.read_bytes(), 6))


def test_latency_of_what_a_single_example_adds_along_another_axis():
    """Of one example Keras takes the row for a bias of the column, and adds it to that alone."""
    inputs = keras.Input((5, 4))
    column = layers.Dense(1)(inputs)
    model = keras.Model(inputs, ops.matmul(column + ops.transpose(column, (0, 2, 1)), inputs))
    assert profiling.latency({"only": model}, batches=(1,), runs=2)["only"]


def test_latency_times_each_model_at_each_batch():
    small = keras.Sequential([keras.Input((8,)), layers.Dense(2)])
    large = keras.Sequential([keras.Input((None, 8)), layers.Dense(1024), layers.Dense(1024)])
    timed = profiling.latency({"small": small, "large": large}, batches=(1, 64), runs=20)
    assert [each.examples for each in timed["small"]] == [1, 64]
    assert all(each.runs == 20 for each in timed["large"])
    assert timed["small"][1].median_ms < timed["large"][1].median_ms


def test_a_batch_is_made_smaller_where_its_activations_do_not_fit():
    model = keras.Sequential([keras.Input((64, 64, 3)), layers.Conv2D(16, 3, padding="same")])
    one = 64 * 64 * 16 * 4 * 4  # values, bytes each, tensors that live at one time
    assert profiling.examples_within(model, 20 * one, 256) == 16
    assert profiling.examples_within(model, 300 * one, 256) == 256
    assert profiling.examples_within(model, 1, 256) == 1
    timed = profiling.latency({"only": model}, (1, 64), runs=2, budget_bytes=5 * one)
    assert [each.examples for each in timed["only"]] == [1, 4]
