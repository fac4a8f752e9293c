"""Recurrence: states, gates, wrappers, masks over time."""

from __future__ import annotations

import keras
from keras import layers

from tests.engine.zoo.registry import classified, pooled, sequence, topology


@topology()
def simple_rnn():
    x = inputs = sequence()
    return classified(inputs, layers.SimpleRNN(7)(x))


@topology()
def lstm_stack():
    x = inputs = sequence()
    x = layers.LSTM(6, return_sequences=True)(x)
    return classified(inputs, layers.Dense(5, "relu")(layers.LSTM(7)(x)))


@topology()
def gru_both_ways_of_resetting():
    x = inputs = sequence()
    x = layers.GRU(6, return_sequences=True)(x)
    return classified(inputs, layers.GRU(5, reset_after=False)(x))


@topology()
def lstm_without_bias_any_length():
    x = inputs = sequence(None)
    x = layers.LSTM(6, use_bias=False, recurrent_activation="hard_sigmoid")(x)
    return classified(inputs, x)


@topology()
def bidirectional_concatenated():
    x = inputs = sequence()
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    return classified(inputs, layers.Bidirectional(layers.GRU(4))(x))


@topology()
def bidirectional_summed():
    x = inputs = sequence()
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True), merge_mode="sum")(x)
    return classified(inputs, layers.Bidirectional(layers.SimpleRNN(5), merge_mode="mul")(x))


@topology()
def bidirectional_apart():
    x = inputs = sequence()
    a, b = layers.Bidirectional(layers.LSTM(6, return_sequences=True), merge_mode=None)(x)
    return classified(inputs, layers.Concatenate()([layers.LSTM(4)(a), layers.GRU(5)(b)]))


@topology()
def encoder_and_decoder_share_states():
    a, b = sequence(5, 4, name="source"), sequence(6, 3, name="target")
    _, h, c = layers.LSTM(6, return_state=True)(a)
    x = layers.LSTM(6, return_sequences=True)(b, initial_state=[h, c])
    return classified([a, b], x)


@topology()
def stacked_cells():
    x = inputs = sequence()
    x = layers.RNN([layers.LSTMCell(5), layers.GRUCell(4), layers.SimpleRNNCell(3)])(x)
    return classified(inputs, x)


@topology()
def one_cell():
    x = inputs = sequence()
    return classified(inputs, layers.RNN(layers.GRUCell(6), return_sequences=True)(x))


@topology()
def conv_lstm():
    x = inputs = keras.Input((3, 6, 6, 2))
    x = layers.ConvLSTM2D(5, 3, padding="same", return_sequences=True)(x)
    return pooled(inputs, layers.ConvLSTM2D(4, 3)(x))


@topology()
def conv_lstm_1d():
    x = inputs = keras.Input((3, 6, 2))
    return pooled(inputs, layers.ConvLSTM1D(5, 2)(x))


@topology()
def time_distributed():
    x = inputs = keras.Input((3, 6, 6, 2))
    x = layers.TimeDistributed(layers.Conv2D(6, 3, activation="relu"))(x)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(x)
    return classified(inputs, layers.LSTM(5)(layers.TimeDistributed(layers.Dense(7))(x)))


@topology()
def time_distributed_model():
    inner = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(5, 3), layers.Flatten()])
    x = inputs = keras.Input((3, 6, 6, 2))
    x = layers.TimeDistributed(inner)(x)
    return classified(inputs, layers.GRU(6)(layers.Dense(7, "relu")(x)))


@topology()
def wrappers_in_wrappers():
    """Keras names what these hold otherwise after loading than after building."""
    x = inputs = keras.Input((3, 4, 5))
    x = layers.TimeDistributed(layers.TimeDistributed(layers.Dense(7, "relu")))(x)
    x = layers.TimeDistributed(layers.Bidirectional(layers.GRU(5)))(x)
    return classified(inputs, layers.LSTM(4)(x))


@topology(words=9)
def masked_words():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(9, 6, mask_zero=True)(inputs)
    return classified(inputs, layers.LSTM(5)(x))


@topology(words=9)
def masked_words_beside_tags():
    """A step is skipped where both are 0: the mask is made of a concatenation."""
    inputs = [keras.Input((7,), dtype="int32"), keras.Input((7,), dtype="int32")]
    words = layers.Embedding(9, 6, mask_zero=True, name="words")(inputs[0])
    tags = layers.Embedding(9, 4, mask_zero=True, name="tags")(inputs[1])
    x = layers.Concatenate()([words, tags])
    return classified(inputs, layers.LSTM(5, name="lstm")(x))


@topology()
def masking_layer():
    x = inputs = sequence()
    return classified(inputs, layers.LSTM(6)(layers.Masking(0.0)(x)))


@topology()
def recurrent_residual():
    x = inputs = sequence()
    x = layers.Dense(6)(x)
    x = layers.Add()([x, layers.LSTM(6, return_sequences=True)(x)])
    return classified(inputs, layers.GRU(5)(x))


@topology()
def convolution_then_recurrence():
    x = inputs = sequence(8)
    x = layers.MaxPooling1D()(layers.Conv1D(7, 3, activation="relu", padding="same")(x))
    return classified(inputs, layers.LSTM(6, go_backwards=True)(x))


@topology()
def stateful_recurrence():
    """State is kept between batches, whose size is fixed."""
    x = inputs = keras.Input(batch_shape=(4, 6, 3))
    x = layers.LSTM(8, stateful=True, return_sequences=True)(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GRU(6, stateful=True)(x)))
