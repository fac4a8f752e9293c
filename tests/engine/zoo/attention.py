"""Attention: heads, head dimensions, values, masks."""

from __future__ import annotations

import keras
from keras import layers, ops

from tests.engine.zoo.registry import classified, pooled, sequence, topology


@topology()
def self_attention():
    inputs = sequence(6, 8)
    x = layers.MultiHeadAttention(4, 3)(inputs, inputs)
    return pooled(inputs, x)


@topology()
def attention_with_value_width():
    inputs = sequence(6, 8)
    x = layers.Dense(7, "relu")(inputs)
    return pooled(inputs, layers.MultiHeadAttention(3, 4, value_dim=5, output_shape=6)(x, x))


@topology()
def cross_attention():
    a, b = sequence(5, 6), sequence(7, 4)
    x, y = layers.Dense(8, "relu")(a), layers.Dense(6, "relu")(b)
    return pooled([a, b], layers.MultiHeadAttention(2, 4, use_bias=False)(x, y))


@topology()
def attention_with_other_keys():
    a, b = sequence(5, 6), sequence(7, 4)
    x = layers.MultiHeadAttention(2, 4)(a, layers.Dense(6)(b), key=layers.Dense(5)(b))
    return pooled([a, b], layers.Dense(5, "relu")(x))


@topology()
def causal_attention():
    inputs = sequence(6, 8)
    x = layers.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True)
    return classified(inputs, x)


@topology()
def attention_scores_are_used():
    inputs = sequence(5, 8)
    x, scores = layers.MultiHeadAttention(2, 4)(inputs, inputs, return_attention_scores=True)
    x = layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(scores)])
    return classified(inputs, x)


@topology()
def grouped_query_attention():
    inputs = sequence(6, 8)
    x = layers.GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)(inputs, inputs)
    return pooled(inputs, x)


@topology()
def multi_query_attention():
    inputs = sequence(6, 8)
    x = layers.GroupQueryAttention(4, num_query_heads=3, num_key_value_heads=1)(inputs, inputs)
    return pooled(inputs, layers.Dense(5, "relu")(x))


@topology()
def transformer_block():
    inputs = sequence(6, 8)
    x = layers.LayerNormalization()(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(2, 4)(x, x)])
    y = layers.Dense(8)(layers.Dense(16, "gelu")(layers.LayerNormalization()(x)))
    return pooled(inputs, layers.Add()([x, y]))


@topology()
def transformer_with_rms_norm():
    inputs = sequence(6, 5)
    x = layers.Dense(8)(inputs)
    y = layers.RMSNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y)])
    return pooled(inputs, layers.Dense(6, "relu")(layers.RMSNormalization()(x)))


@topology(words=12)
def language_model():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(12, 8)(inputs) + layers.Embedding(7, 8)(ops.arange(7))
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True)])
    y = layers.Dense(8)(layers.Dense(12, "gelu")(layers.LayerNormalization()(x)))
    return keras.Model(inputs, layers.Dense(12)(layers.Add()([x, y])))


@topology(words=9)
def attention_over_masked_words():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True)(inputs)
    return pooled(inputs, layers.MultiHeadAttention(2, 4)(x, x))


@topology(words=9)
def translator():
    """Masks of both languages reach the last layer through operations that Keras adds itself."""
    source, target = (keras.Input((size,), dtype="int32") for size in (7, 5))
    x, *states = layers.LSTM(6, return_sequences=True, return_state=True)(
        layers.Embedding(9, 5, mask_zero=True)(source)
    )
    y = layers.Embedding(9, 4, mask_zero=True)(target)
    y = layers.LSTM(6, return_sequences=True)(y, initial_state=states)
    y = layers.Concatenate()([y, layers.Attention()([y, x])])
    return keras.Model([source, target], layers.TimeDistributed(layers.Dense(9))(y))


@topology()
def dot_product_attention_layer():
    a, b = sequence(5, 6), sequence(7, 4)
    query, value = layers.Dense(8)(a), layers.Dense(8)(b)
    return pooled([a, b], layers.Attention()([query, value]))


@topology()
def attention_layer_with_keys():
    a, b = sequence(5, 6), sequence(7, 4)
    query, value, key = layers.Dense(8)(a), layers.Dense(6)(b), layers.Dense(8)(b)
    return pooled([a, b], layers.Attention(use_scale=True)([query, value, key]))


@topology()
def additive_attention_layer():
    a, b = sequence(5, 6), sequence(7, 4)
    query, value = layers.Dense(8)(a), layers.Dense(8)(b)
    return pooled([a, b], layers.AdditiveAttention()([query, value]))


@topology()
def attention_by_hand():
    inputs = sequence(6, 5)
    query, key, value = (layers.Dense(8)(inputs) for _ in range(3))
    scores = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))) / 8**0.5)
    return pooled(inputs, layers.Dense(5)(ops.matmul(scores, value)))


@topology()
def attention_by_einsum():
    inputs = sequence(6, 5)
    query, key, value = (layers.Dense(8)(inputs) for _ in range(3))
    scores = ops.softmax(ops.einsum("btd,bsd->bts", query, key) / 8**0.5)
    return pooled(inputs, layers.Dense(5)(ops.einsum("bts,bsd->btd", scores, value)))


@topology()
def attention_in_one_operation():
    """The root of what is left of a head is not the root that scores were divided by."""
    inputs = sequence(6, 5)
    query, key, value = (layers.Reshape((6, 3, 4))(layers.Dense(12)(inputs)) for _ in range(3))
    x = ops.dot_product_attention(query, key, value, is_causal=True)
    return pooled(inputs, layers.Dense(5)(layers.Reshape((6, 12))(x)))


@topology()
def attention_by_repeating_weights():
    """One copy of a step's weight for each channel: as many as there are channels left."""
    inputs = sequence(6, 5)
    x = layers.Bidirectional(layers.GRU(4, return_sequences=True))(inputs)
    weight = layers.Activation("softmax")(layers.Flatten()(layers.Dense(1, "tanh")(x)))
    weight = layers.Permute((2, 1))(layers.RepeatVector(8)(weight))
    return classified(inputs, ops.sum(layers.Multiply()([x, weight]), axis=1))


@topology()
def attention_pooling():
    """One learned weight for each step."""
    inputs = sequence(6, 5)
    x = layers.Dense(8, "tanh")(inputs)
    weight = layers.Softmax(axis=1)(layers.Dense(1)(x))
    return classified(inputs, ops.sum(x * weight, axis=1))


@topology()
def attention_over_two_axes():
    inputs = keras.Input((3, 4, 6))
    x = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))(inputs, inputs)
    return classified(inputs, x)


@topology()
def dot_of_two_towers():
    a, b = sequence(5, 6), sequence(7, 4)
    x = layers.Dense(8, "relu")(layers.GlobalAveragePooling1D()(a))
    y = layers.Dense(8, "relu")(layers.GlobalMaxPooling1D()(b))
    similarity = layers.Dot(axes=1)([x, y])
    return classified([a, b], layers.Concatenate()([x, similarity]))
