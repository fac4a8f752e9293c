"""Training in a compiled loop: masks hold at every step, a state comes back whole.

run.train -> epochs.course -> compiled.loop (many steps a call) -> compiled.step (one, as a graph)
"""

from worker.engine.training.classes import balanced
from worker.engine.training.compiled.loops import forget
from worker.engine.training.epochs.checkpoint import StaleCheckpointError
from worker.engine.training.plan import (
    ALL_EPOCHS,
    Enough,
    EpochRecord,
    Interrupted,
    LoopChoice,
    Progress,
    Trained,
    TrainingPlan,
)
from worker.engine.training.recalibration import recalibrate
from worker.engine.training.run import pace, train
from worker.engine.training.state import State, capture, restore, seed_generators

__all__ = [
    "ALL_EPOCHS",
    "Enough",
    "EpochRecord",
    "Interrupted",
    "LoopChoice",
    "Progress",
    "StaleCheckpointError",
    "State",
    "Trained",
    "TrainingPlan",
    "balanced",
    "capture",
    "forget",
    "pace",
    "recalibrate",
    "restore",
    "seed_generators",
    "train",
]
