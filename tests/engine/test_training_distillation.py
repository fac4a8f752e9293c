"""A student learns from a teacher's outputs, with labels or without."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.engine.training_nets import Arrays, blobs, mlp
from worker.engine.evaluation import choose_metric, predict
from worker.engine.training import TrainingPlan, train
from worker.engine.training.distillation import Teaching, output_kind

LOSS = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def teacher() -> keras.Model:
    model = mlp(hidden=16)
    plan = TrainingPlan(keras.optimizers.Adam(0.02), LOSS, epochs=20, batch_size=32, loop="graph")
    train(model, blobs(300), None, plan)
    return model


def test_student_without_labels_comes_to_agree_with_its_teacher(teacher):
    unlabelled = Arrays(blobs(300, seed=4).x, {})
    plan = TrainingPlan(
        keras.optimizers.Adam(0.02),
        LOSS,
        epochs=20,
        batch_size=32,
        loop="graph",
        distillation=1.0,
    )
    student, fresh = mlp(seed=1, hidden=4), blobs(200, seed=5)
    train(student, unlabelled, None, plan, teacher=teacher)
    told, taught = predict(student, fresh), predict(teacher, fresh)
    assert (told.argmax(-1) == taught.argmax(-1)).mean() > 0.95
    accuracy = choose_metric("multiclass").value(fresh.y, told)
    assert accuracy > 0.9


def test_share_of_the_teacher_mixes_two_losses(teacher):
    def one_step(share: float) -> float:
        plan = TrainingPlan(
            keras.optimizers.SGD(0.01),
            LOSS,
            epochs=1,
            steps=1,
            batch_size=32,
            loop="graph",
            distillation=share,
            temperature=2.0,
        )
        return train(mlp(seed=2), blobs(64), None, plan, teacher=teacher).history[0].loss

    labels, half, taught = one_step(0.0), one_step(0.5), one_step(1.0)
    assert half == pytest.approx((labels + taught) / 2, rel=1e-5)
    assert labels != pytest.approx(taught, rel=0.01)


def test_temperature_one_is_the_divergence_by_hand():
    draw = np.random.default_rng(0)
    raw = draw.normal(size=(2, 5, 4)).astype("float32")
    student, teacher = np.exp(raw) / np.exp(raw).sum(-1, keepdims=True)
    by_hand = (teacher * np.log(teacher / student)).sum(-1).mean()
    for kind, s, t in (("softmax", student, teacher), ("softmax_logits", raw[0], raw[1])):
        loss = Teaching(1.0, 1.0, (kind,)).loss([s], [t], None)
        assert float(loss) == pytest.approx(by_hand, rel=1e-4), kind


def test_two_sided_outputs_and_values_have_their_own_distance():
    student, teacher = np.array([[0.2], [0.9]], "float32"), np.array([[0.4], [0.9]], "float32")
    divergence = 0.4 * np.log(0.4 / 0.2) + 0.6 * np.log(0.6 / 0.8)
    loss = Teaching(1.0, 1.0, ("sigmoid",)).loss([student], [teacher], None)
    assert float(loss) == pytest.approx(divergence / 2, rel=1e-4)
    loss = Teaching(1.0, 4.0, ("values",)).loss([student], [teacher], None)
    assert float(loss) == pytest.approx(0.02, rel=1e-4)


def test_teacher_equal_to_the_student_leaves_nothing_to_learn(teacher):
    for temperature in (1.0, 4.0):
        told = predict(teacher, blobs(32))
        loss = Teaching(1.0, temperature, ("softmax",)).loss([told], [told], None)
        assert float(loss) == pytest.approx(0.0, abs=1e-6)


def test_kinds_of_outputs_are_told_apart():
    share = np.array([[0.2, 0.8], [0.5, 0.5]])
    assert output_kind(share, LOSS) == "softmax"
    assert output_kind(share * 9, keras.losses.SparseCategoricalCrossentropy()) == "softmax_logits"
    assert output_kind(share[:, :1], "binary_crossentropy") == "sigmoid"
    assert output_kind(share[:, :1] * 9, keras.losses.BinaryCrossentropy()) == "sigmoid_logits"
    assert output_kind(share[:, :1] * 9, "mse") == "values"
