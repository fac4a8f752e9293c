"""What changes in an operation when channels go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.engine.graph.record import Cut, Edit

ArgumentEdit = Callable[[Any, Any, Cut], tuple[Any, Any]]


@dataclass(frozen=True)
class Edits:
    """What changes in an operation: its configuration, or what it is called with.

    follows: ids that its sizes count. ties: ids that must go together for the edit to be right.
    """

    config: Edit | None = None
    arguments: ArgumentEdit | None = None
    follows: tuple[np.ndarray, ...] = ()
    ties: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
