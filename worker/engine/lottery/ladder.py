"""The ladder: level after level until the answer is known; finished levels are never repeated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prunery.specs.errors import PruneryError
from prunery.specs.events import LevelEvent
from worker.engine import stopping
from worker.engine.lottery import descent, distilling, limits, objectives
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.chance import is_at_chance
from worker.engine.lottery.cutting import unit_cut
from worker.engine.lottery.cutting.weight_cut import levels_of_n_m
from worker.engine.lottery.dense import Dense, dense_level
from worker.engine.lottery.descent import Made, Step
from worker.engine.lottery.levels import LevelRecord, LevelStore, load_arrays
from worker.engine.lottery.plans import epochs_of, retrain_epochs
from worker.engine.lottery.rewinding import Arm, after, arms, gentlest
from worker.engine.lottery.rounds import Round, say_which_arm, work_name
from worker.engine.lottery.trainer import Trainer
from worker.engine.reporter import Work
from worker.engine.training import Interrupted

NOTHING_MORE = (
    "Nothing more could be removed: what is left is at its minimum, or a round takes less than one "
    "of it."
)
WAY_OUT = "More could go of layers that were left alone: the report tells how, beside each of them."


@dataclass
class Ladder:
    """Finished levels, and which of them was chosen.

    at_chance: the dense model had learned nothing, so that no level was made of it.
    """

    dense: Dense
    records: list[LevelRecord] = field(default_factory=list)
    chosen: int = 0
    target_met: bool | None = None
    at_chance: bool = False


def climb(bench: Bench, trainer: Trainer, store: LevelStore) -> Ladder:
    """Make level 0 and every round after it until the answer is known; then choose."""
    rounds = _rounds(bench)
    bench.facts["levels"] = rounds
    plan = arms(bench)
    _plan_work(bench, plan, 0, rounds, None)
    dense = dense_level(bench, trainer, store)
    ladder = Ladder(dense, [dense.record])
    _tell(bench, store, dense.record)
    limits.settle(bench, dense.record.figures.metric)
    if not bench.graph.groups and bench.recipe.granularity == "unit":
        return ladder
    if is_at_chance(bench, bench.metric, dense.record.report.metric):
        ladder.at_chance = True
        why = "The model does no better than guessing on examples it has not seen."
        bench.reporter.warn("at_chance", f"{why} Nothing was removed from it.")
        return ladder
    turn = Round(bench, trainer, store, dense)
    for level in range(1, rounds + 1):
        step = descent.next_step(
            bench.recipe, _made(ladder), lambda level: _savings(bench, store, level)
        )
        if step is None:
            break
        record = store.read(level)
        if record is None:
            _plan_work(bench, plan, level, rounds, dense)
            record = _play(turn, level, step, plan if step.group is None else gentlest(plan))
        if record is None:
            break
        if step.group is None:
            plan = after(plan, *_judged_arms(record), bench.recipe)
        if step.group is None and _nothing_more(bench, store, ladder.records, record):
            # Where steps adapt it was trained further: parts of single groups start from it.
            if all(made.within_limit for made in ladder.records):
                bench.reporter.warn("nothing_more", NOTHING_MORE)
                if any(info.way_out for info in bench.graph.frozen):
                    bench.reporter.warn("way_out", WAY_OUT)
            if not descent.is_adaptive(bench.recipe):
                break
        ladder.records.append(record)
        _tell(bench, store, record)
        if _known(bench, ladder):
            break
    figures = [record.figures for record in ladder.records]
    within = [bool(record.within_limit) for record in ladder.records]
    ladder.chosen, ladder.target_met = objectives.choose(bench.recipe.objective, figures, within)
    _tell_chosen(bench, ladder)
    return ladder


def finished(bench: Bench, trainer: Trainer, store: LevelStore, level: int) -> Ladder:
    """The ladder of a finished job, with `level` as its answer."""
    records: list[LevelRecord] = []
    while (record := store.read(len(records))) is not None:
        records.append(record)
    if level >= len(records):
        raise PruneryError("not_found", f"The job has no level {level}.")
    dense = dense_level(bench, trainer, store)
    bench.facts["levels"] = len(records) - 1
    limits.settle(bench, dense.record.figures.metric)
    ladder = Ladder(dense, records, level)
    _tell_chosen(bench, ladder)
    return ladder


def _tell_chosen(bench: Bench, ladder: Ladder) -> None:
    """The last word was of the last level, which most often missed the limit."""
    if ladder.chosen and descent.is_adaptive(bench.recipe):
        chosen = ladder.records[ladder.chosen]
        say_which_arm(bench, _judged_arms(chosen)[0], chosen.notes["why"])


def _rounds(bench: Bench) -> int:
    recipe = bench.recipe
    if recipe.criterion.name == "threshold":
        return 1  # an absolute threshold removes what lies below it, once
    if recipe.granularity == "n:m":
        return levels_of_n_m(bench)
    return recipe.schedule.rounds


def _made(ladder: Ladder) -> list[Made]:
    sizes = [_size(record) for record in ladder.records]
    return [
        Made(
            Step(record.notes["basis"], record.notes["fraction"], record.notes.get("group")),
            bool(record.within_limit),
            least=record.notes.get("least", False),
            has_room=record.notes.get("has_room", False),
            hopeless=record.notes.get("hopeless", False),
            idle=sizes[k] in sizes[1:k],
        )
        for k, record in enumerate(ladder.records[1:], 1)
    ]


def _savings(bench: Bench, store: LevelStore, level: int) -> list[tuple[str, float]]:
    """By group, the share of a level's parameters that a part of it alone would save."""
    kept = load_arrays(store.path(level) / "kept.npz") if level else unit_cut.all_units(bench)
    return unit_cut.savings(bench, kept, descent.PART)


def _known(bench: Bench, ladder: Ladder) -> bool:
    if descent.is_adaptive(bench.recipe) and not objectives.has_target(bench.recipe.objective):
        return False  # `descent` knows when the edge is found
    within = [bool(record.within_limit) for record in ladder.records]
    return objectives.answer_is_known(
        bench.recipe.objective, within, ladder.records[0].figures, ladder.records[-1].figures
    )


def _play(turn: Round, level: int, step: Step, plan: list[Arm]) -> LevelRecord | None:
    """Make a level; None when the owner asked to finish with what there is."""
    if stopping.finish_asked():
        return None
    try:
        return turn.play(level, step, plan)
    except Interrupted:
        if stopping.finish_asked() and not stopping.stop_asked():
            return None
        raise


def _judged_arms(record: LevelRecord) -> tuple[Arm, Arm | None]:
    """The arm that won a level, and the one given up on after it."""
    won, lost = (record.notes["rewind"], record.notes["schedule"]), record.notes.get("lost")
    return Arm(*won), None if lost is None else Arm(*lost)


def _size(record: LevelRecord) -> tuple[int, float | None]:
    return record.figures.parameters, record.figures.density


def _nothing_more(
    bench: Bench, store: LevelStore, made: list[LevelRecord], new: LevelRecord
) -> bool:
    """Whether a level is as large as one that was made before, and all after it would be.

    Rounds that go by a curve of their own may take less than a unit now and more of them later.
    """
    if _size(new) not in [_size(record) for record in made[1:]]:
        return False
    own_curve = bench.recipe.schedule.kind in ("one_shot", "cubic")
    if not own_curve or bench.recipe.granularity != "unit":
        return True
    return unit_cut.at_minimum(bench, load_arrays(store.path(new.level) / "kept.npz"))


def _tell(bench: Bench, store: LevelStore, record: LevelRecord) -> None:
    bench.reporter.level(
        LevelEvent(
            level=record.level,
            path=str(store.path(record.level)),
            figures=record.figures,
            within_limit=record.within_limit,
        )
    )


def _plan_work(bench: Bench, plan: list[Arm], level: int, rounds: int, dense: Any) -> None:
    """Plan the trainings to come, in example-steps of the dense model; small nets cost less."""
    if not bench.trains or bench.dataset is None:
        return
    examples = len(bench.dataset.train)
    work = []
    if level == 0 and not bench.trained:
        work.append(Work("dense", examples * epochs_of(bench)))
    epochs = retrain_epochs(bench, dense.epochs if dense else 0)
    for k in range(max(level, 1), rounds + 1):
        cost = max(0.3, (1 - bench.recipe.schedule.pruning_fraction) ** k)
        if bench.recipe.granularity != "unit":
            cost = 1.0
        tried = plan if k == max(level, 1) else plan[:1]
        work += [Work(work_name(k, arm), examples * epochs * cost) for arm in tried]
    every = bench.recipe.controls_on == "every"
    names = [f"control-{k}" for k in range(1, rounds + 1)] if every else ["control"]
    work += [
        Work(f"{name}/{control}", examples * epochs * 0.5)
        for name in names
        for control in bench.recipe.controls
    ]
    if bench.recipe.training.distillation and bench.loss is not None:
        work.append(Work(distilling.WORK, examples * epochs * 0.6))
    once = sum(one.size for one in work)
    work += [Work(f"replicate/{n}", once) for n in range(1, bench.recipe.replicates)]
    bench.reporter.plan_work(work)
