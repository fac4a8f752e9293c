"""The arrays of every split as inputs and outputs of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from prunery.screening import roles
from prunery.screening.splits import Split, base_and_split
from prunery.specs.errors import PruneryError
from prunery.specs.models import ModelSummary
from worker.engine.datasets.raw import Source


@dataclass
class Roles:
    """Arrays by split, then by input and by output name."""

    x: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    y: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def settle(source: Source, model: ModelSummary, unasked: frozenset[str] = frozenset()) -> Roles:
    """Give every input and output its array; outputs without one are left out."""
    grouped: dict[Split, dict[str, np.ndarray]] = {}
    for name, array in source.arrays.items():
        base, split = base_and_split(name)
        grouped.setdefault(split, {})[base] = array
    bases = grouped["train" if "train" in grouped else "all"]
    shapes = {name: array.shape[1:] for name, array in bases.items()}
    found = roles.assign(shapes, model, source.columns or (), unasked)
    wrong = list(roles.lacking(found, grouped))
    if wrong:
        raise PruneryError("dataset_invalid", wrong[0].message, errors=wrong)
    settled = Roles()
    for split, arrays in grouped.items():
        settled.x[split] = {
            key: _column(arrays, base, key, source) for key, base in found.inputs.items()
        }
        settled.y[split] = {key: arrays[base] for key, base in found.outputs.items()}
    spare = sorted(set(bases) - found.used)
    if spare:
        settled.notes.append(f"Arrays that the model has no use for: {', '.join(spare)[:200]}.")
    return settled


def _column(arrays: Mapping[str, np.ndarray], base: str, key: str, source: Source) -> np.ndarray:
    if base == "x" and source.columns and key in source.columns:
        at = source.columns.index(key)
        return arrays[base][:, at : at + 1]
    return arrays[base]
