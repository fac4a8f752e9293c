"""The course of one training: calls of the loop, epochs judged, setbacks taken back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from worker.engine.masks import Masks
from worker.engine.training.compiled.choice import choose_loop
from worker.engine.training.compiled.feed import Feed
from worker.engine.training.compiled.loop import LONGEST_CALL, Loop
from worker.engine.training.epochs import stopping
from worker.engine.training.epochs.checkpoint import Checkpoint, fingerprint
from worker.engine.training.epochs.judge import Judge
from worker.engine.training.epochs.standing import Standing
from worker.engine.training.plan import (
    ALL_EPOCHS,
    Enough,
    EpochRecord,
    Interrupted,
    Progress,
    Trained,
    TrainingPlan,
)
from worker.engine.training.rates import rate_trace
from worker.engine.training.state import State, restore, seed_generators

_CALL_SECONDS = 0.5
# A state that did not move in so many steps will not move (loss scaling skips some at first).
_STEPS_TO_MOVE = 20


class Course:
    """One training; `begin` or `resume` it, run its `epochs`, `finish` it."""

    report: Callable[[Progress], None] | None = None
    checkpoint_to: Path | None = None
    checkpoint_seconds = 30.0

    def __init__(
        self,
        loop: Loop,
        feed: Feed,
        judge: Judge,
        plan: TrainingPlan,
        standing: Standing,
    ) -> None:
        self.loop, self.feed, self.judge, self.plan = loop, feed, judge, plan
        self.standing = standing
        self.steps = plan.epochs * feed.steps_per_epoch
        self.rates = rate_trace(plan, self.steps)
        if plan.steps is not None:
            self.steps = min(self.steps, plan.steps)
        self.patience = stopping.Patience(plan.patience, judge.higher_is_better, plan.guessing)
        self.history: list[EpochRecord] = []
        self.snapshots: dict[int, State] = {}
        self.notes: list[str] = []
        self.best: State | None = None
        self.step, self.total, self.halvings, self.moved = 0, 0.0, 0, False
        self.stopped_why, self.enough = ALL_EPOCHS, False
        self.started, self.seconds_before = perf_counter(), 0.0
        self.last_checkpoint = perf_counter()
        self.seconds_per_step = 0.0

    def begin(self, state: State | None, masks: Masks) -> None:
        """Start at `state`, or at the model as it is."""
        model = self.standing.model
        if state is not None:
            restore(model, None, state)
            self.step = state.step
        if state is None or not state.rng:
            seed_generators(model, self.plan.seed)
        self.standing.set_masks(masks)
        self.loop.step.reset(None if state is None else state.optimizer)
        stopping.check_that_it_can_move(model, self.rates[self.step : self.steps])
        self.good = self.standing.moment(self.step)
        self.origin = self.good.state
        self.choice = choose_loop(
            self.plan.loop,
            self.loop,
            self.feed,
            self.steps - self.step,
            lambda: self.standing.put_back(self.good),
        )
        self._snapshot_if_due()

    def resume(self, saved: Checkpoint) -> None:
        """Go on where a checkpoint was written."""
        if saved.fingerprint != self._named():
            raise ValueError(f"the checkpoint is of another training: {saved.fingerprint}")
        self.standing.set_masks(saved.masks)
        self.standing.put_back(saved.now)
        self.step, self.origin = saved.now.state.step, saved.good.state
        self.good, self.best, self.snapshots = saved.good, saved.best, saved.snapshots
        self.rates, self.total, self.halvings = saved.rates, saved.total, saved.halvings
        self.history, self.patience, self.moved = saved.history, saved.patience, saved.moved
        self.choice, self.notes = saved.loop, saved.notes
        self.loop.choice = self.loop.choice or saved.loop
        self.seconds_before = saved.seconds
        if saved.enough is not None:
            self.enough, self.stopped_why = True, saved.enough

    def epochs(self) -> None:
        """Train until the last step, or until patience is over."""
        while self.step < self.steps and not self._is_over():
            epoch, within = divmod(self.step, self.feed.steps_per_epoch)
            if within == 0:
                self.total = 0.0
                if self.good.state.step != self.step:
                    self.good = self.standing.moment(self.step)
            if self._train_epoch(epoch, within):
                self._end_epoch(epoch)
                self._after_call(epoch)

    def _is_over(self) -> bool:
        if self.enough:
            return True
        over = self.plan.early_stopping and self.judge.has_examples and self.patience.is_over
        if over:
            self.stopped_why = f"no gain on validation for {self.patience.waited} epochs"
        return over

    def _train_epoch(self, epoch: int, within: int) -> bool:
        """Train the rest of an epoch; False where it diverged and was taken back."""
        end = min(self.feed.steps_per_epoch, self.steps - epoch * self.feed.steps_per_epoch)
        with closing(self.feed.pieces(epoch, within)) as pieces:
            for piece in pieces:
                at = piece.first_step
                stop = min(piece.first_step + piece.steps, end)
                while at < stop:
                    steps, size = self._next_call(at, stop)
                    started = perf_counter()
                    self.total = self.loop.run(
                        self.choice.kind,
                        piece,
                        first=at - piece.first_step,
                        steps=steps,
                        size=size,
                        rates=self.rates[self.step : self.step + steps],
                        global_step=self.step,
                        total=self.total,
                    )
                    self.seconds_per_step = (perf_counter() - started) / steps
                    at += steps
                    self.step += steps
                    if not np.isfinite(self.total):
                        self._halve()
                        return False
                    self._snapshot_if_due()
                    # The last call of an epoch is reported once the epoch is judged: a checkpoint
                    # never stands between the two.
                    if self.step < epoch * self.feed.steps_per_epoch + end:
                        self._after_call(epoch)
        if not self.standing.is_finite():
            self._halve()
            return False
        return True

    def _next_call(self, at: int, stop: int) -> tuple[int, int]:
        """How many steps the next call takes, and of how many rows."""
        if at >= self.feed.full_steps:
            return 1, self.feed.tail
        steps = min(stop, self.feed.full_steps) - at
        due = self.plan.snapshot_step(self.feed.steps_per_epoch)
        if due is not None and due > self.step:
            steps = min(steps, due - self.step)
        wanted = int(_CALL_SECONDS / self.seconds_per_step) if self.seconds_per_step else 16
        return max(1, min(steps, wanted, LONGEST_CALL)), self.feed.batch

    def _after_call(self, epoch: int) -> None:
        done = self.step - epoch * self.feed.steps_per_epoch
        progress = Progress(
            step=self.step,
            steps=self.steps,
            epoch=epoch,
            epochs=self.plan.epochs,
            examples=self.step * self.feed.batch,
            loss=self.total / max(done, 1),
            model=lambda: self.standing.model,
        )
        if self.report is not None:
            try:
                self.report(progress)
            except Enough as why:
                self.enough, self.stopped_why = True, str(why)
            except Interrupted:
                self._checkpoint()
                raise
        if perf_counter() - self.last_checkpoint >= self.checkpoint_seconds:
            self._checkpoint()

    def _halve(self) -> None:
        """Take the epoch back and go on at half the rate (the trace keeps what really ran)."""
        if self.halvings >= stopping.MOST_HALVINGS:
            raise stopping.diverged(self.halvings, self.step)
        self.halvings += 1
        self.standing.put_back(self.good)
        self.step, self.total = self.good.state.step, 0.0
        self.rates = self.rates.copy()
        self.rates[self.step :] *= 0.5
        self.notes.append(f"The loss diverged: learning rate halved from step {self.step} on.")

    def _end_epoch(self, epoch: int) -> None:
        self._check_that_it_moved()
        done = self.step - epoch * self.feed.steps_per_epoch
        value: float | None = None
        loss: float | None = None
        if self.judge.has_examples:
            value, loss = self._judged(epoch)
        self.history.append(
            EpochRecord(
                epoch=epoch,
                loss=self.total / max(done, 1),
                learning_rate=float(self.rates[self.step - 1]),
                validation_loss=loss,
                validation_metric=value if self.plan.metric is not None else None,
            )
        )

    def _judged(self, epoch: int) -> tuple[float, float | None]:
        """Judge the weights that would be handed back now, and remember them if they are best."""
        with self.standing.settled():
            value, loss, decides = self.judge.judge(self.standing.model)
            if self.patience.improves(epoch, decides, loss) and self.plan.early_stopping:
                self.best = self.standing.state(self.step)
        return value, loss

    def _check_that_it_moved(self) -> None:
        if self.moved or self.step - self.origin.step < _STEPS_TO_MOVE:
            return
        self.moved = self.standing.has_moved(self.origin)
        if not self.moved:
            raise stopping.stuck("No weight moved in a whole epoch: every gradient is 0.")

    def finish(self) -> Trained:
        """Leave the model with the weights to hand back: the best, or the last."""
        if self.best is not None:
            restore(self.standing.model, self.standing.optimizer, self.best)
        elif self.steps:
            self.standing.settle()
        state = self.best or self.standing.state(self.step)
        kept = self.history[-1:]
        if self.best is not None:
            kept = [one for one in self.history if one.epoch == self.patience.epoch]
        value, epoch = (kept[0].figure, kept[0].epoch) if kept else (None, -1)
        return Trained(
            history=tuple(self.history),
            best_validation=value,
            best_epoch=epoch,
            epochs_run=-(-self.step // self.feed.steps_per_epoch),
            steps_run=self.step,
            seconds=self.seconds_before + perf_counter() - self.started,
            state=state,
            loop=self.choice,
            stopped_why=self.stopped_why,
            rate_trace=self.rates[: self.step],
            snapshots=self.snapshots,
            notes=tuple(self.notes),
        )

    def _snapshot_if_due(self) -> None:
        if self.step == self.plan.snapshot_step(self.feed.steps_per_epoch):
            self.snapshots[self.step] = self.standing.state(self.step)

    def _checkpoint(self) -> None:
        if self.checkpoint_to is None:
            return
        self.last_checkpoint = perf_counter()
        Checkpoint(
            fingerprint=self._named(),
            now=self.standing.moment(self.step),
            good=self.good,
            best=self.best,
            snapshots=self.snapshots,
            masks=self.standing.masks(),
            rates=self.rates,
            total=self.total,
            halvings=self.halvings,
            moved=self.moved,
            seconds=self.seconds_before + perf_counter() - self.started,
            history=self.history,
            patience=self.patience,
            loop=self.choice,
            notes=self.notes,
            enough=self.stopped_why if self.enough else None,
        ).save(self.checkpoint_to)

    def _named(self) -> dict[str, Any]:
        return fingerprint(self.plan, self.feed, self.loop.step.masked)
