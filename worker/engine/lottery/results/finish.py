"""The end of a job: the answer is proven, tested once, and written for an outsider to check."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np

from worker.engine import saving, stopping
from worker.engine.calling import scaled
from worker.engine.compaction import certificate, ticket
from worker.engine.lottery import distilling, limits
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.controls import Controls, Rival, winner
from worker.engine.lottery.judging import metric_interval
from worker.engine.lottery.ladder import Ladder
from worker.engine.lottery.levels import LevelRecord, LevelStore, sha256_of
from worker.engine.lottery.reopening import full_size, reopen
from worker.engine.lottery.results.measuring import measure
from worker.engine.lottery.results.result import Result
from worker.engine.lottery.trainer import Trainer
from worker.engine.lottery.trials import Trial
from worker.engine.memory import release
from worker.engine.profiling import parameters
from worker.engine.training import Interrupted

# Controls, as a person reads them.
_NAMES = {
    "fresh_small": "A freshly initialised small network",
    "fresh_same_scale": "The same network on fresh weights of the dense model's scale",
    "random_units": "A network of units chosen at random",
    "random_mask": "A network of weights chosen at random",
}
PROOF_EXAMPLES = 64
# Far above what rounding does, in float64 end to end and in float32 within one operation.
REFUTED_BY = 1e-6
REFUTED_LOCALLY_BY = 1e-3


def contest(bench: Bench, trainer: Trainer, store: LevelStore, ladder: Ladder) -> Result:
    """The chosen level, or what beat it on validation: a distilled twin, or a control."""
    result = as_it_is(bench, store, ladder)
    ticket_itself = result.trial  # controls have no teacher either
    _distil(bench, trainer, store, ladder, result)
    _compete(bench, trainer, store, ladder, result, ticket_itself)
    return result


def as_it_is(bench: Bench, store: LevelStore, ladder: Ladder) -> Result:
    """The chosen level, with nothing trained beside it."""
    release(bench.model)  # the networks of the levels
    return Result(reopen(bench, store, ladder.chosen), _shipped_as(bench, ladder))


def finish(bench: Bench, store: LevelStore, ladder: Ladder, result: Result) -> Result:
    """Prove what is shipped, test it, write it."""
    out = bench.spec.out_dir
    assert out is not None
    out.mkdir(parents=True, exist_ok=True)
    release(bench.model)
    _write_models(bench, result, out)
    _prove(bench, result, out)
    if is_refuted(result.certificate):
        _fall_back(bench, store, ladder, result, out)
    measure(bench, store, ladder, result)
    return result


def _shipped_as(bench: Bench, ladder: Ladder) -> str:
    if ladder.chosen == 0:
        return "dense"
    rewind = ladder.records[ladder.chosen].notes["rewind"]
    if rewind == "fresh":
        return "fresh_small"
    rewound = rewind in ("initial", "step", "epoch")
    return "pruned" if rewound or not bench.trains else "fine_tuned"


def _distil(
    bench: Bench, trainer: Trainer, store: LevelStore, ladder: Ladder, result: Result
) -> None:
    record = ladder.records[ladder.chosen]
    if not distilling.wanted(bench, record) or stopping.finish_asked():
        return
    bench.reporter.stage("retraining", record.level, bench.facts.get("levels"))
    better = distilling.distilled(bench, trainer, store, ladder.dense, record, result.trial)
    if better is not None:
        result.trial = better


def _compete(
    bench: Bench,
    trainer: Trainer,
    store: LevelStore,
    ladder: Ladder,
    result: Result,
    chosen: Trial,
) -> None:
    """Controls on the chosen level or on every level; the winner on validation is shipped."""
    controls = Controls(bench, trainer, store, ladder.dense)
    every = bench.recipe.controls_on == "every"
    levels = range(1, len(ladder.records)) if every else [ladder.chosen]
    for level in levels:
        if stopping.finish_asked():
            bench.reporter.warn("controls_skipped", "Finished early: controls were not run.")
            break
        network = chosen if level == ladder.chosen else reopen(bench, store, level)
        rivals = _rivals(controls, ladder.records[level], network)
        result.control_results += [rival.result for rival in rivals]
        if level == ladder.chosen:
            result.rivals = rivals
    ours = None
    if bench.judges:
        ours = metric_interval(bench, result.trial.compacted.model, bench.judged_split)
    most = parameters(result.trial.compacted.model)
    within = bool(ladder.records[ladder.chosen].within_limit)
    better = winner(bench, ours, most, [r for r in result.rivals if not within or _holds(bench, r)])
    if better is not None:
        result.trial, result.shipped = better.trial, better.result.control
        bench.reporter.warn(
            "control_won",
            f"{_NAMES[better.result.control]} did better than the pruned network on validation: "
            "it is what you get, at the same size.",
        )


def _holds(bench: Bench, rival: Rival) -> bool:
    """Whether a control stays within the limit, on training examples, too, where others are few."""
    model, found = rival.trial.compacted.model, rival.result.metric
    return limits.missed(bench, model, found.value) is None


def _rivals(controls: Controls, record: LevelRecord, network: Trial) -> list[Rival]:
    try:
        return controls.run(record, network.compacted.model)
    except Interrupted:
        if stopping.finish_asked() and not stopping.stop_asked():
            return []
        raise


def _write_models(bench: Bench, result: Result, out: Path) -> None:
    bench.reporter.stage("exporting")
    trial = result.trial
    saving.save(trial.compacted.model, out / "model.keras")
    saving.save(full_size(bench, trial), out / "masked.keras")
    if trial.ticket is not None:
        shutil.copyfile(trial.ticket, out / "ticket.npz")
    else:
        ticket.save(out / "ticket.npz", trial.mask, trial.rewound)


def _prove(bench: Bench, result: Result, out: Path) -> None:
    """Certify the very files that are handed over, read back from disk.

    They take the memory of the networks that they were written from.
    """
    bench.reporter.stage("certifying")
    compacted = result.trial.compacted
    split, inputs = _proof_inputs(bench)
    result.certificate = certificate.certify(
        saving.load(out / "masked.keras", over=bench.model, compiled=False),
        saving.load(out / "model.keras", over=compacted.model, compiled=False),
        inputs,
        split=split,
        scale=bench.dataset.scale.name if bench.dataset is not None else "none",
        keep=compacted.keep,
        folded=compacted.folded,
        rescaled=compacted.rescaled,
        not_removed=_not_removed(bench, result),
        masked_path=out / "masked.keras",
        compact_path=out / "model.keras",
        approximate=bench.recipe.approximate,
        examples=PROOF_EXAMPLES,
        seed=bench.seed,
    )
    (out / "certificate.json").write_text(json.dumps(result.certificate, indent=1))
    if result.certificate["verdict"] == "not_proven":
        bench.reporter.warn("not_proven", f"Not proven: {result.certificate['reason']}")


def is_refuted(found: dict[str, Any]) -> bool:
    """Whether the two networks really differ: more than rounding, and in one operation, too.

    Silence (outputs that do not vary) and amplified rounding refute nothing.
    """
    if found["verdict"] != "not_proven" or found["max_abs_diff_float64"] <= REFUTED_BY:
        return False
    local = found.get("local")
    return local is None or local["max_rel_diff_native"] > REFUTED_LOCALLY_BY


def _fall_back(bench: Bench, store: LevelStore, ladder: Ladder, result: Result, out: Path) -> None:
    """Hand out the dense network, which is proven by being the whole: never what is wrong."""
    bench.reporter.warn(
        "certificate_failed",
        "The smaller network did not compute the same: it is withheld, and the dense model comes "
        "back. Please report this model.",
    )
    ladder.chosen, ladder.target_met = 0, False if ladder.target_met is not None else None
    result.trial, result.shipped = reopen(bench, store, 0), "dense"
    _write_models(bench, result, out)
    _prove(bench, result, out)


def _proof_inputs(bench: Bench) -> tuple[str, dict[str, np.ndarray]]:
    """The user's validation inputs (train where none was held out), scaled as the model expects."""
    dataset = bench.dataset
    if dataset is None:
        return "random", {}
    name = "validation" if len(dataset.validation) else "train"
    split = dataset.validation if name == "validation" else dataset.train
    some = split.take(np.arange(min(PROOF_EXAMPLES, len(split))))
    tensors = bench.model.inputs
    names = [tensor.name for tensor in tensors]
    flat = [some.x[n] for n in some.x] if len(some.x) == 1 else [some.x[n] for n in names]
    values = scaled(bench.model, flat, dataset.scale)
    return name, {
        key: np.asarray(value, dtype=keras.backend.standardize_dtype(tensor.dtype))
        for key, value, tensor in zip(
            some.x if len(flat) == 1 else names, values, tensors, strict=True
        )
    }


def _not_removed(bench: Bench, result: Result) -> dict[str, str]:
    return {
        **{info.layer: info.reason for info in bench.graph.frozen},
        **result.trial.compacted.not_removed,
    }


def files_of(out: Path) -> dict[str, str]:
    """Checksums of what was written."""
    return {p.name: sha256_of(p) for p in sorted(out.iterdir()) if p.is_file()}
