"""LeNet-300-100 as in the paper, on Fashion-MNIST: the density ladder, and tickets against re-init.

    python -m benchmarks.lottery [--seeds 3] [--epochs 5] [--rounds 15] [--markdown FILE]

784-300-100-10, Glorot normal, Adam 1.2e-3, batches of 60, 20% of what is alive a round (the output
layer 10%), rewound to the initial weights. The density after k rounds is
`(265200 * 0.8^k + 1000 * 0.9^k) / 266200`, up to the floor of each round. At 21% and 3.6% the same
mask is trained on fresh weights, too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from benchmarks.specs import job_in
from examples.fashion_mnist import find
from worker.engine.lottery.controls import Controls
from worker.engine.lottery.ladder import climb
from worker.engine.lottery.levels import LevelStore
from worker.engine.lottery.reopening import reopen
from worker.engine.lottery.results.measuring import test_metric
from worker.engine.lottery.settling.setup import set_up
from worker.engine.lottery.trainer import Trainer
from worker.engine.reporter import Reporter

TOLD = (7, 15)


def lenet(seed: int) -> keras.Model:
    """The paper's LeNet-300-100, untrained."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(300, activation="relu", kernel_initializer="glorot_normal", name="fc1"),
            layers.Dense(100, activation="relu", kernel_initializer="glorot_normal", name="fc2"),
            layers.Dense(10, activation="softmax", kernel_initializer="glorot_normal", name="out"),
        ]
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(1.2e-3), loss=loss, metrics=["accuracy"])
    return model


def main() -> None:
    """Run every seed and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    data = find.load()
    with tempfile.TemporaryDirectory() as folder:
        dataset = find.write_npz(data, Path(folder, "fashion_mnist.npz"))
        runs = [
            _run(Path(folder, str(seed)), dataset, seed, arguments)
            for seed in range(arguments.seeds)
        ]
    source = find.described(data)
    table = "\n\n".join([source, _ladder(runs[0]), _tickets(runs)])
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(table + "\n", encoding="utf-8")


def _run(folder: Path, dataset: Path, seed: int, arguments: Any) -> dict[str, Any]:
    folder.mkdir()
    lenet(seed).save(folder / "lenet.keras")
    recipe = {
        "preset": "paper",
        "seed": seed,
        "controls": ["fresh_same_scale"],
        "schedule": {"rounds": arguments.rounds},
        "training": {"epochs": arguments.epochs, "retrain_epochs": arguments.epochs},
        "data": {"scale": "0..1"},
    }
    spec = job_in(folder, folder / "lenet.keras", dataset, recipe)
    bench = set_up(spec, Reporter(lambda _event: None))
    trainer, store = Trainer(bench), LevelStore(folder / "levels", "benchmark", bench)
    ladder = climb(bench, trainer, store)
    controls = Controls(bench, trainer, store, ladder.dense)
    found: dict[str, Any] = {"densities": [r.figures.density for r in ladder.records], "levels": {}}
    found["dense"] = test_metric(bench, reopen(bench, store, 0).compacted.model)
    for level in (k for k in TOLD if k < len(ladder.records)):
        network = reopen(bench, store, level).compacted.model
        rival = controls.run(ladder.records[level], network)[0].trial.compacted.model
        found["levels"][level] = (test_metric(bench, network), test_metric(bench, rival))
    print(f"seed {seed}: {found['dense']:.4f} dense, {found['levels']}", flush=True)
    return found


def _ladder(run: dict[str, Any]) -> str:
    lines = ["| round | density, measured | density, exact |", "|---|---|---|"]
    for k, density in enumerate(run["densities"]):
        exact = (265_200 * 0.8**k + 1_000 * 0.9**k) / 266_200
        lines.append(f"| {k} | {density:.6f} | {exact:.6f} |")
    return "\n".join(lines)


def _tickets(runs: list[dict[str, Any]]) -> str:
    lines = ["| seed | dense | density | ticket | re-initialised | ticket minus re-init, points |"]
    lines.append("|---|---|---|---|---|---|")
    for seed, run in enumerate(runs):
        for level, (ours, theirs) in run["levels"].items():
            density = f"{run['densities'][level]:.2%}"
            gain = f"{100 * (ours - theirs):+.2f}"
            row = [str(seed), f"{run['dense']:.4f}", density, f"{ours:.4f}", f"{theirs:.4f}", gain]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
