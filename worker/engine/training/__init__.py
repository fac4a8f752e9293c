"""Training in a compiled loop: masks hold at every step, a state comes back whole.

run.train -> loops (kept) -> loop (many steps a call) -> step (forward, loss, backward, mask)
"""

from worker.engine.training.checkpoint import StaleCheckpointError
from worker.engine.training.classes import balanced
from worker.engine.training.loops import forget
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
