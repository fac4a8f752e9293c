"""Play a job as its name says, in JSON: {"levels": 3, "seconds": 0.1, "die": [[1, 2]], ...}.

levels   how many levels after level 0
seconds  per level
die      [[attempt, level], ...]: abort in the middle of that level of that attempt
crash    exit with code 3 before anything
problem  end with this error code
plant    leave this kind of trap in the results: "symlink", "name", "missing"
stubborn ignore SIGTERM
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from prunery.specs.datasets import DatasetSummary
from prunery.specs.errors import PruneryError
from prunery.specs.events import (
    DoneEvent,
    Event,
    LevelEvent,
    ProblemEvent,
    ProgressEvent,
    StageEvent,
    dump,
)
from prunery.specs.job import EngineSpec, Figures, ModelInspection
from prunery.specs.models import ModelSummary, Prunability

asked: set[str] = set()


def main(arguments: list[str]) -> None:
    spec = EngineSpec.model_validate_json(Path(arguments[0]).read_text())
    descriptor = int(arguments[2])
    play = json.loads(spec.job_name or "{}")

    def say(event: Event) -> None:
        os.write(descriptor, dump(event))

    if not play.get("stubborn"):
        signal.signal(signal.SIGTERM, lambda *_: asked.add("stop"))
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, _finish)
    say(StageEvent(stage="checking"))
    if spec.kind.startswith("inspect"):
        _inspect(spec, say)
        return
    if play.get("crash"):
        sys.exit(3)
    if code := play.get("problem"):
        say(ProblemEvent(problem=PruneryError(code, "As ordered.").problem()))
        sys.exit(1)
    _climb(spec, play, say)
    _finish_files(spec, play, say)


def _inspect(spec: EngineSpec, say: Any) -> None:
    """Judge an upload by its content: "bad" is refused, "crash" kills, "slow" never ends."""
    path = spec.model or spec.dataset
    assert path is not None
    content = path.read_text()
    if content == "bad":
        say(ProblemEvent(problem=PruneryError("dataset_invalid", "As ordered.").problem()))
        sys.exit(1)
    if content == "crash":
        os.abort()
    if content == "slow":
        time.sleep(60)
    if content == "nonsense":
        say(DoneEvent(result={"summary": 3}))
        return
    if spec.kind == "inspect_dataset":
        summary: Any = DatasetSummary(format="npz", arrays=(), examples={"train": 3})
        say(DoneEvent(result={"summary": summary.model_dump(mode="json")}))
    else:
        summary = ModelSummary(
            name="net", format="keras", inputs=(), outputs=(), layers=1, parameters=7
        )
        found = ModelInspection(summary=summary, prunability=Prunability())
        say(DoneEvent(result=found.model_dump(mode="json")))


def _finish(_number: int, _frame: FrameType | None) -> None:
    asked.add("finish")


def _climb(spec: EngineSpec, play: dict[str, Any], say: Any) -> None:
    levels = play.get("levels", 2)
    assert spec.levels_dir is not None
    assert spec.checkpoint_dir is not None
    for level in range(levels + 1):
        folder = spec.levels_dir / str(level)
        figures = Figures(parameters=100 - level, size_bytes=10, metric=0.9)
        found = LevelEvent(level=level, path=f"levels/{level}", figures=figures)
        if (folder / "manifest.json").exists():
            say(found)  # as the engine does
            continue
        say(StageEvent(stage="retraining", level=level, levels=levels))
        until = time.monotonic() + play.get("seconds", 0.05)
        if [spec.attempt, level] in play.get("die", []):
            os.abort()
        while time.monotonic() < until and "finish" not in asked:
            say(ProgressEvent(share=level / (levels + 1)))
            if "stop" in asked:
                (spec.checkpoint_dir / "state.json").write_text(json.dumps({"level": level}))
                sys.exit(75)
            time.sleep(0.02)
        folder.mkdir()
        (folder / "model.keras").write_text(f"level {level} of attempt {spec.attempt}")
        (folder / "manifest.json").write_text(json.dumps({"level": level}))
        say(found)
        if "finish" in asked:
            return


def _finish_files(spec: EngineSpec, play: dict[str, Any], say: Any) -> None:
    assert spec.out_dir is not None
    out, plant = spec.out_dir, play.get("plant")
    (out / "model.keras").write_text("compact")
    if plant == "symlink":
        (out / "ticket.npz").symlink_to("/etc/hostname")
    if plant == "name":
        say(DoneEvent(artifacts=("../../control/spec.json",)))
    elif plant == "missing":
        say(DoneEvent(artifacts=("model.keras", "ticket.npz")))
    else:
        say(DoneEvent(artifacts=("model.keras",), result={"metrics": {"attempt": spec.attempt}}))
