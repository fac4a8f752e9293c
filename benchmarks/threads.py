"""Where a second thread begins to pay: dense nets of growing width, one thread against all.

    python -m benchmarks.threads

Each pair runs in fresh processes in turn, since TensorFlow settles its threads once. The limit in
`worker/engine/threads.py` is read off this table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

WIDTHS = ((50, 25), (123, 61), (300, 150), (512, 256), (1024, 512))
EXAMPLES, BATCH = 9600, 32


def main() -> None:
    """Print seconds of an epoch, by width and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        _child()
        return
    seconds: dict[tuple[int, int], dict[str, list[float]]] = {}
    for _ in range(asked.turns):
        for threads in ("1", "all"):
            for widths, median in _measured(threads).items():
                seconds.setdefault(widths, {}).setdefault(threads, []).append(median)
    for (first, second), by_threads in seconds.items():
        one, every = (statistics.median(by_threads[threads]) for threads in ("1", "all"))
        parameters = 784 * first + first * second + second * 10 + first + second + 10
        print(
            f"784-{first}-{second}-10, {parameters:>9,} parameters: one thread {one:.3f} s, "
            f"{os.cpu_count()} threads {every:.3f} s, {every / one:.2f} times as long"
        )


def _measured(threads: str) -> dict[tuple[int, int], float]:
    environment = dict(os.environ)
    if threads != "all":
        environment["TF_NUM_INTRAOP_THREADS"] = threads
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.threads", "--child"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    rows = (line.split() for line in told.splitlines() if line.startswith("epoch "))
    return {(int(a), int(b)): float(median) for _, a, b, median in rows}


def _child() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import numpy as np

    from worker.engine.datasets import Split
    from worker.engine.training import TrainingPlan, train

    draw = np.random.default_rng(0)
    x = draw.random((EXAMPLES, 784), np.float32)
    split = Split({"x": x}, {"y": draw.integers(0, 10, EXAMPLES)})
    for first, second in WIDTHS:
        layers = [keras.layers.Dense(n, "relu") for n in (first, second)]
        layers.append(keras.layers.Dense(10, "softmax", name="y"))
        model = keras.Sequential([keras.Input((784,), name="x"), *layers])
        loss = "sparse_categorical_crossentropy"
        plan = TrainingPlan(keras.optimizers.Adam(), loss, epochs=1, batch_size=BATCH, loop="xla")
        epochs = []
        for _ in range(4):
            began = time.perf_counter()
            train(model, split, None, plan)
            epochs.append(time.perf_counter() - began)
        print("epoch", first, second, statistics.median(epochs[1:]), flush=True)


if __name__ == "__main__":
    main()
