"""A checkpoint: everything a killed training needs to end bit-equal with one that was not."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.training.compiled.feed import Feed
from worker.engine.training.epochs.stopping import Patience
from worker.engine.training.plan import EpochRecord, LoopChoice, TrainingPlan
from worker.engine.training.state import State

# Raised when what a checkpoint holds changes its meaning: older ones are then not gone on with.
LAYOUT = 2


class StaleCheckpointError(ValueError):
    """A checkpoint of another training, or of a version of Prunery that wrote others."""


@dataclass
class Moment:
    """A state with what is not of the model: the running averages of its weights."""

    state: State
    averages: Arrays = field(default_factory=dict)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        averages = {f"{prefix}averages/{key}": value for key, value in self.averages.items()}
        return self.state.arrays(f"{prefix}state/") | averages

    @staticmethod
    def from_arrays(flat: Mapping[str, np.ndarray], prefix: str) -> Moment:
        start = f"{prefix}averages/"
        averages = {
            key.removeprefix(start): value for key, value in flat.items() if key.startswith(start)
        }
        return Moment(State.from_arrays(flat, f"{prefix}state/"), averages)


@dataclass
class Checkpoint:
    """`now`, `good` (the epoch's beginning) and the bookkeeping; `fingerprint` names the plan."""

    fingerprint: dict[str, Any]
    now: Moment
    good: Moment
    best: State | None
    snapshots: dict[int, State]
    masks: Arrays
    rates: np.ndarray
    total: float
    halvings: int
    moved: bool
    seconds: float
    history: list[EpochRecord]
    patience: Patience
    loop: LoopChoice
    notes: list[str]
    enough: str | None = None

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        about = {
            "fingerprint": self.fingerprint,
            "total": self.total,
            "halvings": self.halvings,
            "moved": self.moved,
            "seconds": self.seconds,
            "history": [asdict(record) for record in self.history],
            "patience": asdict(self.patience),
            "loop": asdict(self.loop),
            "snapshots": list(self.snapshots),
            "has_best": self.best is not None,
            "notes": self.notes,
            "enough": self.enough,
        }
        flat = self.now.arrays("now/") | self.good.arrays("good/")
        if self.best is not None:
            flat |= self.best.arrays("best/")
        for step, state in self.snapshots.items():
            flat |= state.arrays(f"snapshot/{step}/")
        flat |= {f"masks/{key}": mask for key, mask in self.masks.items()}
        flat |= {"rates": self.rates, "about": np.array(json.dumps(about))}
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as stream:
            np.savez(stream, **flat)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as archive:
            flat = {name: archive[name] for name in archive.files}
        about = json.loads(str(flat["about"]))
        return Checkpoint(
            fingerprint=about["fingerprint"],
            now=Moment.from_arrays(flat, "now/"),
            good=Moment.from_arrays(flat, "good/"),
            best=State.from_arrays(flat, "best/") if about["has_best"] else None,
            snapshots={k: State.from_arrays(flat, f"snapshot/{k}/") for k in about["snapshots"]},
            masks={k.removeprefix("masks/"): v for k, v in flat.items() if k.startswith("masks/")},
            rates=flat["rates"],
            total=about["total"],
            halvings=about["halvings"],
            moved=about["moved"],
            seconds=about["seconds"],
            history=[EpochRecord(**record) for record in about["history"]],
            patience=Patience(**about["patience"]),
            loop=LoopChoice(**about["loop"]),
            notes=about["notes"],
            enough=about["enough"],
        )


def fingerprint(plan: TrainingPlan, feed: Feed, masked: tuple[str, ...]) -> dict[str, Any]:
    """What must be the same for a checkpoint to be of this training."""
    return {
        "layout": LAYOUT,
        "examples": feed.examples,
        "batch": feed.batch,
        "epochs": plan.epochs,
        "seed": feed.seed,
        "schedule": plan.schedule,
        "masked": list(masked),
    }
