"""The figures that a model can be judged by, under the names that Keras and people give them."""

from __future__ import annotations

import re

from prunery.specs.models import TaskKind

FITTING: dict[TaskKind, tuple[str, ...]] = {
    "multiclass": ("accuracy", "balanced_accuracy", "top_5_accuracy", "f1"),
    "binary": ("accuracy", "balanced_accuracy", "auc", "f1"),
    "multilabel": ("accuracy", "auc", "f1"),
    "per_position": ("accuracy", "balanced_accuracy", "mean_iou"),
    "regression": ("mse", "mae", "rmse", "r2"),
    "autoencoder": ("mse", "mae", "rmse"),
    "unknown": ("mse", "mae", "rmse", "r2"),
}

_ALIASES = {
    "acc": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "binary_accuracy": "accuracy",
    "compile_metrics": "",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "io_u": "mean_iou",
    "binary_io_u": "mean_iou",
    "mean_io_u": "mean_iou",
    "one_hot_mean_io_u": "mean_iou",
    "one_hot_io_u": "mean_iou",
    "f1_score": "f1",
    "f_beta_score": "f1",
    "fbeta_score": "f1",
    "r2_score": "r2",
    "top_k_categorical_accuracy": "top_5_accuracy",
    "sparse_top_k_categorical_accuracy": "top_5_accuracy",
}


def known() -> tuple[str, ...]:
    """Every metric of any task."""
    return tuple(dict.fromkeys(name for names in FITTING.values() for name in names))


def canonical(name: str) -> str:
    """A metric's name in our words, whatever Keras calls it."""
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
    return _ALIASES.get(snake, snake)
