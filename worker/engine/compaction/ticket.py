"""ticket.npz: the mask, and the weights that the level's training started from.

Two arrays for every variable that the method masks, in the upload's shape: `mask/<key>` (bool) and
`rewound/<key>`. The ticket itself is `mask * rewound`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from worker.engine import arrays
from worker.engine.arrays import Arrays, OnDemand
from worker.engine.masks import Masks

# npy has no bfloat16: such weights are written as float32, which holds each of them exactly.
_WIDER = {"bfloat16": np.float32}


def save(path: Path, masks: Masks, rewound: Arrays) -> None:
    """Write a ticket; `rewound` needs a value of the same shape for each mask."""

    def entries() -> Iterator[tuple[str, np.ndarray]]:
        for key, mask in masks.items():
            value = np.asarray(rewound[key])
            if value.shape != mask.shape:
                raise ValueError(f"{key}: the mask is {mask.shape}, its weights {value.shape}")
            yield f"mask/{key}", mask.astype(bool, copy=False)
            wider = _WIDER.get(value.dtype.name, value.dtype)
            yield f"rewound/{key}", value.astype(wider, copy=False)

    arrays.write(path, entries(), deflated=True)


def load(path: Path) -> tuple[dict[str, np.ndarray], Arrays]:
    """A ticket's masks by key, and its rewound weights, read when they are asked for."""
    masks, rewound = opened(path)
    return dict(masks), rewound


def opened(path: Path) -> tuple[Masks, Arrays]:
    """The same with the masks, too, left in the file until they are asked for."""
    archive = arrays.read(path)

    def part(prefix: str) -> OnDemand:
        names = [name for name in archive if name.startswith(prefix)]
        return OnDemand(
            (name.removeprefix(prefix) for name in names), lambda key: archive[prefix + key]
        )

    return part("mask/"), part("rewound/")
