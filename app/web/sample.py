"""The sample pair: the article's network and real pictures of clothes, where they are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent / "examples"
MODEL = ROOT / "article.keras"
DATASET = ROOT / "fashion_mnist" / "fashion_mnist_sample.npz"
# The trials of the default recipe would answer questions whose answers are known for this pair.
RECIPE: dict[str, Any] = {
    "preset": "balanced",
    "start": "untrained",
    "rewind": {"to": "initial"},
    "training": {"epochs": 15, "retrain_epochs": 15, "schedule": "constant_ema"},
}


def is_here() -> bool:
    """A wheel without the examples folder has no sample to offer."""
    return MODEL.is_file() and DATASET.is_file()
