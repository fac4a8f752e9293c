"""How many threads train this network faster: tried before anything is trained, and pinned.

Against the usual number the other one of "one" and "all" is tried, on the network and the data of
the job, in a TensorFlow begun anew. Near a tie the usual number stays, so that runs repeat.
"""

from __future__ import annotations

import math
from time import perf_counter

from prunery.screening.duration import FLOPS_PER_SECOND, PASSES, SECONDS_PER_STEP
from prunery.specs.job import EngineSpec
from worker.engine import threads
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.plans import epochs_of, training_plan
from worker.engine.lottery.rewinding import dense_schedule
from worker.engine.lottery.settling.setup import set_up
from worker.engine.reporter import Reporter
from worker.engine.threads import Pin
from worker.engine.training import forget, pace

# Setting up and compiling twice more shall take no longer than a tenth of the dense training.
WORTH = 10.0
_TURNS = 2
# Only a clear win moves the choice away from the usual number.
CLEAR_WIN = 1.2


def set_up_at_best_pace(spec: EngineSpec, reporter: Reporter) -> Bench:
    """A bench, in a TensorFlow with the threads that train its network fastest.

    Raises what `set_up` does.
    """
    began = perf_counter()
    bench = set_up(spec, reporter)
    if not _is_open(bench):
        return bench
    usual, most = threads.in_use(), threads.allowed(spec.limits.threads)
    pin = threads.pinned(spec)
    if pin is None and most > 1 and _repays(bench, perf_counter() - began):
        first = _milliseconds(bench)
        if first is not None and _repays(bench, perf_counter() - began, first):
            del bench  # nothing may hold on to the TensorFlow that is left behind
            return _tried(spec, reporter, usual, most if usual == 1 else 1, first)
    return _pinned(bench, pin or Pin(threads=usual))


def _is_open(bench: Bench) -> bool:
    """Whether the recipe and the process leave the number to us."""
    asked = bench.recipe.training.threads
    return bench.trains and bench.loss is not None and asked == "auto" and threads.may_change()


def _repays(bench: Bench, spent: float, milliseconds: float | None = None) -> bool:
    """Whether the dense training takes long beside a trial.

    spent: seconds that one turn of it took up to here. milliseconds: of a step; None: from FLOPs.
    """
    assert bench.dataset is not None
    if milliseconds is None:
        arithmetic = PASSES * bench.batch_size * (bench.summary.flops or 0) / FLOPS_PER_SECOND
        milliseconds = 1000 * (arithmetic + SECONDS_PER_STEP)
    steps = epochs_of(bench) * math.ceil(len(bench.dataset.train) / bench.batch_size)
    return steps * milliseconds / 1000 > WORTH * _TURNS * spent


def _tried(spec: EngineSpec, reporter: Reporter, usual: int, other: int, first: float) -> Bench:
    """Time the other number, and set up with the better one. first: milliseconds with the usual."""
    quiet = Reporter(reporter.sink_without_levels(), warnings=list(reporter.warnings))
    bench = _anew(spec, quiet, other)
    second = _milliseconds(bench)
    del bench
    bench = _anew(spec, quiet, usual)
    pin = Pin(threads=usual)
    if second is not None:
        timed = {usual: first, other: second}
        if decided(timed, usual, other) == other:
            # Something else may have held the machine up: a win must hold against a second try.
            timed[usual] = min(first, _milliseconds(bench) or first)
        pin = Pin(threads=decided(timed, usual, other), why=_why(timed, usual, other))
    if pin.threads != usual:
        del bench
        bench = _anew(spec, quiet, pin.threads)
    bench.reporter = reporter
    return _pinned(bench, pin)


def decided(milliseconds: dict[int, float], usual: int, other: int) -> int:
    """The usual number, unless the other one is clearly faster."""
    return other if milliseconds[usual] / milliseconds[other] > CLEAR_WIN else usual


def _why(milliseconds: dict[int, float], usual: int, other: int) -> str:
    return (
        f"A step took {milliseconds[usual]:.3g} ms with {usual}, the usual number of threads here, "
        f"and {milliseconds[other]:.3g} ms with {other}. Only a clear win moves it."
    )


def _anew(spec: EngineSpec, reporter: Reporter, number: int) -> Bench:
    forget()
    threads.change(number)
    return set_up(spec, reporter)


def _milliseconds(bench: Bench) -> float | None:
    """Of a step of the dense training, as it would run here."""
    assert bench.dataset is not None
    plan = training_plan(
        bench,
        epochs=epochs_of(bench),
        schedule=dense_schedule(bench),
        seed=bench.seed_for("dense"),
    )
    return pace(bench.model, bench.dataset.train, plan, scale=bench.dataset.scale)


def _pinned(bench: Bench, pin: Pin) -> Bench:
    threads.pin(bench.spec, pin)
    if pin.why is not None:
        bench.reporter.decide("training.threads", str(pin.threads), pin.why)
    return bench
