"""Finished levels on disk: `levels/<k>/`, complete or absent.

manifest.json    written last; with it the level is finished and is never computed again
model.keras      the level's compact network, compiled and trained
ticket.npz       mask and rewound weights, full shape (artifacts.md)
trained.npz      trained weights at full size, by key: where the next round starts
kept.npz         kept units by group (unit granularity)
start.npz        level 0 only: the full state that training began with
snapshot.npz     level 0 only: the full state at the rewind point, where one was asked for
rates.npy        level 0 only: learning rate of every step
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from prunery.specs.base import Wire
from prunery.specs.job import Figures
from prunery.specs.report import ControlResult, Decision, Level
from worker.engine.lottery.bench import Bench

MANIFEST = "manifest.json"
# What a report shows of every level, by level.
_FACTS = ("width_plans", "sensitivity")


class Said(Wire):
    """What the report had to say when a level was finished, and the loop that had been pinned: it
    outlives the attempt."""

    warnings: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    facts: dict[str, Any] = {}
    loop: str = "auto"


class LevelRecord(Wire):
    """manifest.json; `recipe_hash` covers recipe, model and data: it must be this job's own."""

    level: int
    recipe_hash: str
    figures: Figures
    report: Level
    within_limit: bool | None = None
    files: dict[str, str] = {}
    controls: tuple[ControlResult, ...] = ()
    notes: dict[str, Any] = {}
    said: Said = Said()


class LevelStore:
    """Read and write the levels of one job (of one replicate).

    What was said while a level was made goes to its record, and back to the bench of a later
    attempt, or its report would not know why the levels are as they are.
    """

    def __init__(self, root: Path, recipe_hash: str, bench: Bench) -> None:
        self._root, self._bench = root, bench
        self.recipe_hash = recipe_hash
        self._known: set[int] = set()
        root.mkdir(parents=True, exist_ok=True)

    def path(self, level: int) -> Path:
        return self._root / str(level)

    def read(self, level: int) -> LevelRecord | None:
        """The record of a finished level; None if it is not finished or is another recipe's."""
        manifest = self.path(level) / MANIFEST
        if not manifest.is_file():
            return None
        try:
            record = LevelRecord.model_validate_json(manifest.read_bytes())
        except ValidationError:
            why = (
                "what was kept of it does not fit, most likely another version of Prunery wrote it"
            )
            self._bench.reporter.warn("stale", f"Level {level} was made again: {why}.")
            return None
        if record.recipe_hash != self.recipe_hash:
            return None
        if level not in self._known:
            self._recall(record)
        return record

    def write(self, record: LevelRecord, fill: Callable[[Path], None]) -> LevelRecord:
        """Let `fill` write the files into a fresh folder, add hashes, and publish it at once."""
        final = self.path(record.level)
        scratch = self._root / f".{record.level}.part"
        for folder in (scratch, final):
            shutil.rmtree(folder, ignore_errors=True)
        scratch.mkdir(parents=True)
        fill(scratch)
        files = {p.name: sha256_of(p) for p in sorted(scratch.iterdir())}
        added = {"files": files, "recipe_hash": self.recipe_hash, "said": self._said(record.level)}
        whole = record.model_copy(update=added)
        (scratch / MANIFEST).write_text(whole.model_dump_json(indent=1))
        scratch.replace(final)
        self._known.add(record.level)
        return whole

    def _said(self, level: int) -> Said:
        reporter, facts = self._bench.reporter, self._bench.facts
        return Said(
            warnings=tuple(reporter.warnings),
            decisions=tuple(reporter.decisions),
            facts={name: facts[name][level] for name in _FACTS if level in facts.get(name, {})},
            loop=self._bench.loop,
        )

    def _recall(self, record: LevelRecord) -> None:
        self._known.add(record.level)
        self._bench.reporter.recall(record.said.warnings, record.said.decisions)
        if self._bench.loop == "auto":
            self._bench.loop = record.said.loop  # loops differ in rounding: none is chosen again
        for name, value in record.said.facts.items():
            self._bench.facts.setdefault(name, {})[record.level] = value


def sha256_of(path: Path) -> str:
    """Checksum of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays under keys that hold slashes; names are kept in an index of their own.

    npz member names are paths inside a zip: a key is stored as it is, which NumPy reads back.
    """
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}
