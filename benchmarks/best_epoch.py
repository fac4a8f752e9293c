"""Of a model with two outputs, which figure tells the best epoch: measured on examples unseen.

    python -m benchmarks.best_epoch [--seeds 4]

Each pair of tasks is trained by the engine's loop for 80 epochs; every rule then stops, with a
patience of 20, where it would have stopped. A skill is how much of the way from guessing to perfect
an output came.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from worker.engine.datasets import Split
from worker.engine.evaluation import MeanSkill, Metric, choose_metric, mean_skill
from worker.engine.training import TrainingPlan, train
from worker.engine.training.epochs.stopping import Patience

EPOCHS, PATIENCE = 80, 20
CLOTHES = Path("examples/fashion_mnist/fashion_mnist_sample.npz")
METRICS = (
    choose_metric("multiclass", output="kind"),
    choose_metric("regression", output="number"),
)


@dataclass(frozen=True)
class Epoch:
    """What validation says, and the skills on test examples."""

    loss: float
    skills: tuple[float, ...]
    unseen: tuple[float, ...]


RULES: dict[str, Callable[[Epoch], float]] = {
    "the first's metric": lambda epoch: epoch.skills[0],
    "total loss": lambda epoch: -epoch.loss,
    "worse skill": lambda epoch: min(epoch.skills),
    "mean skill": lambda epoch: float(np.mean(epoch.skills)),
}


@dataclass
class Notes:
    """In place of a gauge: notes every epoch; the first half is validation, the other the test."""

    count: int
    epochs: list[Epoch] = field(default_factory=list)
    higher_is_better = True

    def value(self, y: dict[str, np.ndarray], p: dict[str, np.ndarray]) -> float:
        held, test = (
            [{k: v[rows] for k, v in arrays.items()} for arrays in (y, p)]
            for rows in (slice(self.count), slice(self.count, None))
        )
        (truth, told), kinds = held, held[0]["kind"]
        surprise = -np.log(told["kind"][np.arange(len(kinds)), kinds] + 1e-7).mean()
        error = np.square(told["number"] - truth["number"]).mean()
        self.epochs.append(Epoch(float(surprise + error), skills(*held), skills(*test)))
        return 0.0


def main() -> None:
    """Print a table of the skills that each rule's epoch has on unseen examples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    seeds = parser.parse_args().seeds
    print("| tasks | by | kind | number | both | epochs |\n| --- | --- | --- | --- | --- | --- |")
    for name, x, kind, number in pairs():
        runs = [trained(x, kind, number, seed) for seed in range(seeds)]
        for rule in RULES:
            found = np.array([stopped(epochs, rule) for epochs in runs]).mean(axis=0)
            one, other, ran = found
            both = (one + other) / 2
            print(f"| {name} | {rule} | {one:.3f} | {other:.3f} | {both:.3f} | {ran:.0f} |")


def pairs() -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """A kind and a number for the same inputs: either may be the harder one."""
    draw = np.random.default_rng(1)
    kind = np.arange(1500) % 3
    x = 2 * np.random.default_rng(99).normal(size=(3, 6))[kind] + draw.normal(size=(1500, 6))
    wave = np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.1 * draw.normal(size=1500)
    yield "easy kind, hard number", x, kind, wave
    x = draw.normal(size=(1500, 8))
    hard = (x[:, 0] * x[:, 1] > 0) + 2 * (x[:, 2] * x[:, 3] > 0)
    hard = np.where(draw.random(1500) < 0.1, draw.integers(0, 4, 1500), hard)
    easy = x @ draw.normal(size=8) + 0.3 * draw.normal(size=1500)
    yield "hard kind, easy number", x, hard, easy
    yield "the same, number in hundreds", x, hard, 100 * easy
    with np.load(CLOTHES) as data:
        images, kind = data["x_train"][:3000] / 255.0, data["y_train"][:3000].astype(int)
    width = (images.max(axis=1) > 0.1).sum(axis=1) / 28
    yield "clothes and their width", images.reshape(3000, -1), kind, width
    noise = kind / 10 + draw.normal(size=3000)
    yield "clothes and mostly noise", images.reshape(3000, -1), kind, noise


def trained(x: np.ndarray, kind: np.ndarray, number: np.ndarray, seed: int) -> list[Epoch]:
    """Every epoch of a training on six tenths of the examples."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((x.shape[1],), name="x")
    hidden = layers.Dense(48, activation="relu")(inputs)
    hidden = layers.Dense(32, activation="relu")(hidden)
    last = layers.Dense(int(kind.max()) + 1, activation="softmax", name="kind")
    model = keras.Model(inputs, [last(hidden), layers.Dense(1, name="number")(hidden)])
    order = np.random.default_rng(seed).permutation(len(x))
    cut = round(0.6 * len(x))
    train_on, told = (_split(x, kind, number, rows) for rows in (order[:cut], order[cut:]))
    notes = Notes(len(told) // 2)
    plan = TrainingPlan(
        keras.optimizers.Adam(3e-3),
        {"kind": "sparse_categorical_crossentropy", "number": "mse"},
        EPOCHS,
        metric=METRICS[0],
        gauge=notes,  # type: ignore[arg-type]
        schedule="constant_ema",
        loop="graph",
        seed=seed,
    )
    train(model, train_on, told, plan)
    return notes.epochs


def _split(x: np.ndarray, kind: np.ndarray, number: np.ndarray, rows: np.ndarray) -> Split:
    y = {"kind": kind[rows], "number": number[rows, None].astype(np.float32)}
    return Split({"x": x[rows].astype(np.float32)}, y)


def skills(y: dict[str, np.ndarray], p: dict[str, np.ndarray]) -> tuple[float, ...]:
    """The skill of each output."""
    return tuple(_skill(metric, y).value(y, p) for metric in METRICS)


def _skill(metric: Metric, y: dict[str, np.ndarray]) -> MeanSkill:
    found = mean_skill((metric,), y)
    assert found is not None
    return found


def stopped(epochs: list[Epoch], rule: str) -> tuple[float, float, int]:
    """The skills on unseen examples of the epoch that a rule hands back, and how many ran."""
    patience = Patience(PATIENCE, higher_is_better=True)
    for number, epoch in enumerate(epochs):
        patience.improves(number, RULES[rule](epoch), epoch.loss)
        if patience.is_over:
            break
    one, other = epochs[patience.epoch].unseen
    return one, other, number + 1


if __name__ == "__main__":
    main()
