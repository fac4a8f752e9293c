"""`python -m worker.engine SPEC.json --events-fd N`: one job, in a process of its own.

Exit codes: 0 done, 1 a problem (its document is the last event), 75 stopped by SIGTERM at a step
boundary, after a checkpoint. SIGUSR1 asks to finish: the best level so far is packed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from prunery.specs.errors import PruneryError
from prunery.specs.events import ProblemEvent
from prunery.specs.job import EngineSpec

STOPPED = 75


def main() -> int:
    """Read the spec, run the job, report problems as events."""
    parser = argparse.ArgumentParser(prog="python -m worker.engine")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--events-fd", type=int, default=1)
    arguments = parser.parse_args()
    spec = EngineSpec.model_validate_json(arguments.spec.read_bytes())

    from worker.engine.reporter import LineSink, Reporter
    from worker.engine.stopping import listen

    reporter = Reporter(LineSink(arguments.events_fd))
    listen()
    if spec.kind != "inspect_dataset":  # which needs no TensorFlow, whose import takes seconds
        _settle_process()
    return _run(spec, reporter)


def _run(spec: EngineSpec, reporter) -> int:  # type: ignore[no-untyped-def]
    from worker.engine.job import run

    try:
        done = run(spec, reporter)
    except PruneryError as error:
        reporter.sink(ProblemEvent(problem=error.problem(stage=reporter.stage_name)))
        return 1
    except Exception as error:  # the process boundary: whatever it is, it becomes a document
        if _is_interruption(error):
            return STOPPED
        problem = _unexpected(error).problem(stage=reporter.stage_name)
        import traceback

        traceback.print_exc()
        reporter.sink(ProblemEvent(problem=problem))
        return 1
    reporter.sink(done)
    return 0


def _is_interruption(error: Exception) -> bool:
    from worker.engine.training import Interrupted

    return isinstance(error, Interrupted)


def _unexpected(error: Exception) -> PruneryError:
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "ResourceExhaustedError":
        return PruneryError(
            "out_of_memory", "The training needed more memory than the job may use."
        )
    return PruneryError("internal", f"{name} in the engine.")


def _settle_process() -> None:
    """Quiet TensorFlow, and let GPU memory grow instead of taking it all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    from worker.engine import libraries

    libraries.load()
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


if __name__ == "__main__":
    sys.exit(main())
