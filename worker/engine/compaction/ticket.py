"""ticket.npz: the mask, and the weights that the level's training started from.

Two arrays for every variable that the method masks, in the upload's shape: `mask/<key>` (bool) and
`rewound/<key>`. The ticket itself is `mask * rewound`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from worker.engine.masks import Masks

# npy has no bfloat16: such weights are written as float32, which holds each of them exactly.
_WIDER = {"bfloat16": np.float32}


def save(path: Path, masks: Masks, rewound: Mapping[str, np.ndarray]) -> None:
    """Write a ticket; `rewound` needs a value of the same shape for each mask."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, mask in masks.items():
            value = np.asarray(rewound[key])
            if value.shape != mask.shape:
                raise ValueError(f"{key}: the mask is {mask.shape}, its weights {value.shape}")
            _write(archive, f"mask/{key}", mask.astype(bool))
            _write(
                archive, f"rewound/{key}", value.astype(_WIDER.get(value.dtype.name, value.dtype))
            )


def load(path: Path) -> tuple[Masks, dict[str, np.ndarray]]:
    """Read a ticket back: masks and rewound weights by key."""
    with np.load(path, allow_pickle=False) as archive:
        masks = {_key(name): archive[name] for name in archive.files if name.startswith("mask/")}
        rewound = {
            _key(name): archive[name] for name in archive.files if name.startswith("rewound/")
        }
    return masks, rewound


def _write(archive: zipfile.ZipFile, name: str, value: np.ndarray) -> None:
    # A fixed date, so that equal tickets are equal files.
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(value), allow_pickle=False)


def _key(name: str) -> str:
    return name.partition("/")[2]
