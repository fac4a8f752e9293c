"""Reports as jobs write them; the default is shaped like the sample job's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prunery.specs.models import FrozenInfo
from prunery.specs.presets import resolve
from prunery.specs.report import (
    ClassFigures,
    Comparison,
    ControlResult,
    Data,
    Decision,
    Interval,
    Latency,
    LayerRemoval,
    Level,
    Method,
    ModelFigures,
    Proof,
    Report,
    Task,
    Verdict,
)

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

CURVE = (0.8890, 0.8902, 0.8895, 0.8893, 0.8884, 0.8871, 0.8860, 0.8841, 0.8712)


def interval(value: float, half: float = 0.0062) -> Interval:
    """A figure and a symmetric interval."""
    return Interval(value=value, low=value - half, high=value + half)


def figures(metric: float | None = 0.8871, *, scale: float = 1.0) -> ModelFigures:
    """A model whose every figure is `scale` times the article's net."""
    parameters = int(282_160 * scale)
    return ModelFigures(
        metric=None if metric is None else interval(metric),
        loss=0.331,
        parameters=parameters,
        live_parameters=parameters,
        flops=2 * parameters,
        size_bytes=int(1_148_000 * scale) + 22_000,
        gzip_bytes=int(1_060_000 * scale),
        latency=(
            Latency(examples=1, median_ms=0.214 * (0.4 + 0.6 * scale), p95_ms=0.31, runs=200),
            Latency(examples=256, median_ms=2.91 * scale, p95_ms=3.5 * scale, runs=200),
        ),
    )


def levels(curve: tuple[float, ...] = CURVE, chosen: int = 7) -> tuple[Level, ...]:
    """A ladder that loses a fifth of its units a round."""
    made = []
    for index, value in enumerate(curve):
        scale = 0.8**index
        made.append(
            Level(
                level=index,
                metric=interval(value, 0.011),
                metric_before_retraining=None if index == 0 else value - 0.03 * index,
                parameters=int(282_160 * scale),
                live_parameters=int(282_160 * scale),
                density=scale,
                flops=int(564_320 * scale),
                size_bytes=int(1_148_000 * scale) + 22_000,
                latency_ms=0.2 * (0.4 + 0.6 * scale),
                within_limit=value >= curve[0] - 0.01,
                chosen=index == chosen,
                epochs_trained=20,
                seconds=11.0,
            )
        )
    return tuple(made)


def comparison(**changed: Any) -> Comparison:
    """2.7 more mistakes in 1,000 on 10,000 examples."""
    matrix = [[0] * 10 for _ in range(10)]
    matrix[6][0], matrix[6][6], matrix[2][4], matrix[2][2] = 21, -24, -6, 5
    matrix[6][2], matrix[0][6], matrix[0][0], matrix[8][8] = 3, 9, -9, 1
    values: dict[str, Any] = {
        "difference": Interval(value=-0.0027, low=-0.0068, high=0.0014),
        "allowed_drop": 0.01,
        "method": "paired bootstrap, 2,000 draws",
        "both_right": 8_690,
        "only_dense_right": 181,
        "only_compact_right": 154,
        "neither_right": 975,
        "mcnemar_p": 0.155,
        "per_class": tuple(
            ClassFigures(name=name, examples=1000, dense=0.9, compact=0.9 + change)
            for name, change in zip(
                CLASSES, (-0.009, 0, 0.005, 0, 0, 0, -0.024, 0, 0.001, 0), strict=True
            )
        ),
        "confusion_change": tuple(tuple(row) for row in matrix),
    }
    return Comparison(**{**values, **changed})


def fresh_won() -> Report:
    """A freshly initialised small net did as well as the pruned one, and is handed over."""
    verdict = Verdict(
        outcome="smaller",
        sentence="A fresh small net did as well.",
        shipped="fresh_small",
        winning_ticket=False,
        ticket_margin=Interval(value=-0.001, low=-0.008, high=0.006),
    )
    warnings = ("Layer dense_1 was left with 3 of 150 units.",)
    return report(verdict=verdict, warnings=warnings)


def nothing_within() -> Report:
    """Every smaller size lost too much: the dense model comes back."""
    steep = levels((0.889, 0.871, 0.86, 0.84), chosen=0)
    return report(
        verdict=Verdict(outcome="nothing_within", sentence="Nothing fits.", shipped="dense"),
        compact=figures(0.8871),
        levels=steep,
        chosen_level=0,
        controls=(),
        comparison=comparison(
            difference=Interval(value=0.0, low=0.0, high=0.0),
            only_dense_right=0,
            only_compact_right=0,
            per_class=(),
            confusion_change=None,
        ),
    )


def report(**changed: Any) -> Report:
    """A finished job: 4.7 times smaller, a winning ticket."""
    chosen_scale = 0.8**7
    values: dict[str, Any] = {
        "job_id": "job_01jdexample",
        "name": "Clothes",
        "model_filename": "article.keras",
        "created_at": datetime(2026, 11, 24, 13, 20, tzinfo=UTC),
        "seconds": 204.0,
        "verdict": Verdict(
            outcome="smaller",
            sentence="4.7 times smaller, 2.7 more mistakes in 1,000.",
            winning_ticket=True,
            ticket_margin=Interval(value=0.012, low=0.004, high=0.02),
        ),
        "task": Task(
            kind="multiclass",
            loss="sparse_categorical_crossentropy",
            metric="accuracy",
            classes=CLASSES,
        ),
        "data": Data(
            format="npz",
            examples={"train": 8_000, "validation": 2_000, "test": 10_000},
            scale="0..1",
            labels="integers",
            sha256="5" * 64,
        ),
        "dense": figures(0.8871),
        "compact": figures(0.8844, scale=chosen_scale),
        "comparison": comparison(),
        "levels": levels(),
        "chosen_level": 7,
        "controls": (
            ControlResult(
                level=7, control="fresh_small", metric=interval(0.8721), parameters=59_000
            ),
            *(
                ControlResult(
                    level=index,
                    control="random_units",
                    metric=interval(0.889 - 0.003 * index**1.6),
                    parameters=1,
                )
                for index in (2, 4, 7, 8)
            ),
        ),
        "layers": (
            LayerRemoval(layer="dense", before=300, after=74),
            LayerRemoval(layer="dense_1", before=150, after=38),
            LayerRemoval(
                layer="dense_2", before=10, after=10, reason_kept="Each unit is one answer."
            ),
        ),
        "not_removed": (FrozenInfo(layer="dense_2", reason="Its units are the model's answers."),),
        "proofs": (
            Proof(
                file="model.keras",
                verdict="exact",
                max_abs_diff_float64=3.3e-16,
                max_rel_diff_native=1.9e-7,
                output_variation=0.21,
                same_class=1.0,
                examples=10_000,
                sha256="c" * 64,
            ),
        ),
        "method": Method(
            recipe=resolve({"preset": "balanced"}),
            decisions=(
                Decision(field="rewind.to", chosen="initial", why="The upload was untrained."),
            ),
            seeds={"recipe": 0, "split": 0},
            versions={"prunery": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0"},
            hardware={"cpu": "x86_64", "threads": "2"},
            model_sha256="a" * 64,
            dataset_sha256="5" * 64,
            files={"model.keras": "c" * 64},
            command="prunery local prune article.keras clothes.npz --preset balanced --out out",
        ),
    }
    return Report(**{**values, **changed})
