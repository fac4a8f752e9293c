"""Raise the real walls, then play an engine: `-m tests.stand_in.enter POLICY MODULE SPEC ...`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.stand_in import engine
from worker.runner.sandbox.enter import enter
from worker.runner.sandbox.limits import die_with_parent
from worker.runner.sandbox.policy import Policy

if __name__ == "__main__":
    policy = Policy.from_json(Path(sys.argv[1]).read_text())
    die_with_parent(int(os.environ.pop("PRUNERY_RUNNER_PID")))
    enter(policy)
    engine.main(sys.argv[3:])
