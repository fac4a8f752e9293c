"""A whole ladder of eight unit levels against one default `model.fit` of the dense net.

    python -m benchmarks.ladder [--epochs 10] [--repeats 3]

Both train the article's net on Fashion-MNIST for as many epochs: `fit` the dense net once, the
ladder eight compacted levels of it, one after another, compile time, cuts and files included. The
article promises "both faster training and a faster model"; this measures the first half. Each runs
in a process of its own, with the threads that TensorFlow (or the engine) gives it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.specs import job_in
from examples import article_model
from examples.fashion_mnist import find
from worker.engine import threads
from worker.engine.lottery.ladder import climb
from worker.engine.lottery.levels import LevelStore
from worker.engine.lottery.settling.setup import set_up
from worker.engine.lottery.trainer import Trainer
from worker.engine.reporter import Reporter

LEVELS = 8


def main() -> None:
    """Run both in turn and print the medians and the ratio pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", choices=["ladder", "fit"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    data = find.load()
    if arguments.child:
        run = {"ladder": _ladder, "fit": _fit}[arguments.child]
        print(f"seconds {run(data, arguments.epochs)}")
        return
    print(find.described(data), flush=True)
    pairs = []
    for _ in range(arguments.repeats):
        pairs.append((_seconds("ladder", arguments.epochs), _seconds("fit", arguments.epochs)))
        ladder, fit = pairs[-1]
        print(f"ladder of {LEVELS} levels {ladder:.1f} s, fit once {fit:.1f} s", flush=True)
    ratio = statistics.median(fit / ladder for ladder, fit in pairs)
    print(f"median: one default fit takes {ratio:.2f} times as long as the whole ladder")


def _seconds(contestant: str, epochs: int) -> float:
    arguments = ["--child", contestant, "--epochs", str(epochs)]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.ladder", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return float(told.split("seconds ")[1])


def _fit(data: find.FashionMnist, epochs: int) -> float:
    model = article_model.build(0)
    images = data.x_train.astype(np.float32) / 255
    began = time.perf_counter()
    model.fit(images, data.y_train, epochs=epochs, batch_size=32, verbose=0)
    return time.perf_counter() - began


def _ladder(data: find.FashionMnist, epochs: int) -> float:
    """Seconds of levels 1 to 8; the dense training, which `fit` stands for, is not counted."""
    recipe = {
        "preset": "article",
        "objective": {},
        "controls": [],
        "criterion": {"name": "magnitude", "over": "in_out"},
        "schedule": {"kind": "iterative", "rounds": LEVELS, "pruning_fraction": 0.2},
        "training": {"epochs": epochs, "retrain_epochs": epochs},
    }
    times: dict[int, float] = {}

    def note(event: object) -> None:
        level = getattr(event, "level", None)
        if getattr(event, "type", None) == "level" and isinstance(level, int):
            times[level] = time.perf_counter()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = find.write_npz(data, folder / "data.npz")
        spec = job_in(folder, article_model.FILE, dataset, recipe)
        threads.settle(spec)
        bench = set_up(spec, Reporter(note))
        climb(bench, Trainer(bench), LevelStore(folder / "levels", "benchmark", bench))
    return times[LEVELS] - times[0]


if __name__ == "__main__":
    main()
