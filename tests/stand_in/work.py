"""`python -m tests.stand_in.work --queues cpu`: a real worker whose engine is the stand-in."""

from __future__ import annotations

from prunery.cli import main
from worker.runner import supervise

if __name__ == "__main__":
    supervise.ENTER = "tests.stand_in.enter"
    main()
