"""Peak memory of a whole job, as a multiple of the model's own weights.

    python -m benchmarks.memory [--net dense|conv|NAME] [--mib 100] [--size 64]
                                [--inspect] [--recipe '{"schedule": {"rounds": 2}}']

NAME is one of keras.applications, with random weights. The job runs in a child process without
training (prune, compact, certificate, files); what counts is the largest resident memory (VmHWM)
beyond what the child had once TensorFlow was imported, stage by stage. Linux only.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MIB = 1 << 20
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Build the net in one child, run the job in another, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", default="conv")
    parser.add_argument("--mib", type=int, default=100, help="weights of the dense or conv net")
    parser.add_argument("--size", type=int, default=64, help="side of an application's images")
    parser.add_argument("--inspect", action="store_true", help="analyse only")
    parser.add_argument("--recipe", type=json.loads, default={}, help="laid over epochs: 0")
    parser.add_argument("--keep", type=Path, default=None, help="work in this folder, and keep it")
    parser.add_argument("--child", choices=("build", "run"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child == "build":
        build(chosen.net, chosen.mib, chosen.size).save(chosen.keep / "upload.keras")
    elif chosen.child == "run":
        print(json.dumps(run(chosen.keep, chosen.recipe, inspect=chosen.inspect)))
    elif chosen.keep is not None:
        show(measure(chosen.keep, sys.argv[1:]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            show(measure(Path(folder), sys.argv[1:]))


def measure(folder: Path, arguments: list[str]) -> dict[str, Any]:
    """What `run` found, in a process of its own."""
    found = b""
    for child in ("build", "run"):
        if child == "build" and (folder / "upload.keras").is_file():
            continue
        command = [sys.executable, "-m", "benchmarks.memory", *arguments]
        found = subprocess.run(
            [*command, "--child", child, "--keep", str(folder.resolve())],
            cwd=ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    return dict(json.loads(found.splitlines()[-1]))


def show(found: dict[str, Any]) -> None:
    """A line for each stage, and the whole."""
    weights, base = found["weights_bytes"], found["base_bytes"]
    print(f"weights {weights / MIB:,.0f} MiB; after importing TensorFlow {base / MIB:,.0f} MiB")
    print("peaks beyond that, as multiples of the weights:")
    for stage in found["stages"]:
        over = stage["peak_bytes"] - base
        print(f"{stage['name']:16} {stage['seconds']:8.1f} s  {over / weights:5.2f} times")
    whole = f"{found['peak_bytes'] / MIB:,.0f} MiB, {found['peak_ratio']:.2f} times"
    print(f"the whole: {whole}, {found['seconds']:.0f} s")


def run(folder: Path, recipe: dict[str, Any], *, inspect: bool) -> dict[str, Any]:
    """Run the job that lies in `folder` here, and say what each of its stages took."""
    from worker.engine import libraries

    libraries.load()
    base = _resident("VmRSS")
    from benchmarks.specs import job_in
    from prunery.specs.events import Event, StageEvent
    from worker.engine import profiling
    from worker.engine.job import run as run_job
    from worker.engine.reporter import Reporter

    upload = folder / "upload.keras"
    # One call takes the memory of two hundred, which would be most of the time.
    profiling.latency = functools.partial(profiling.latency, runs=1)
    stages = [_Stage("start")]

    def note(event: Event) -> None:
        if isinstance(event, StageEvent):
            stages[-1].end()
            print(vars(stages[-1]), file=sys.stderr, flush=True)
            name = event.stage if event.level is None else f"{event.stage} {event.level}"
            stages.append(_Stage(name))

    spec = job_in(folder, upload, None, {"training": {"epochs": 0}, **recipe})
    if inspect:
        spec = spec.model_copy(update={"kind": "inspect_model"})
    run_job(spec, Reporter(note))
    stages[-1].end()
    return _summary(upload, base, stages)


def _summary(upload: Path, base: int, stages: list[_Stage]) -> dict[str, Any]:
    weights = upload.stat().st_size
    peak = max(stage.peak_bytes for stage in stages)
    return {
        "weights_bytes": weights,
        "base_bytes": base,
        "peak_bytes": peak,
        "peak_ratio": (peak - base) / weights,
        "seconds": sum(stage.seconds for stage in stages),
        "stages": [vars(stage) for stage in stages],
    }


class _Stage:
    """Seconds and largest resident memory between two events of a job."""

    def __init__(self, name: str) -> None:
        self.name, self.peak_bytes = name, 0
        self.seconds = -time.perf_counter()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew

    def end(self) -> None:
        self.seconds += time.perf_counter()
        self.peak_bytes = _resident("VmHWM")


def _resident(field: str) -> int:
    """Bytes, by a field of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def build(net: str, mib: int, size: int) -> Any:
    """A net of so many MiB, or one of keras.applications, with weights that hide nothing."""
    import keras
    import numpy as np

    from benchmarks.applications import randomise

    keras.utils.set_random_seed(0)
    if net in ("dense", "conv"):
        model = (_dense if net == "dense" else _conv)(keras, mib * MIB // 4)
    else:
        options = {"weights": None, "classifier_activation": None}
        model = getattr(keras.applications, net)(input_shape=(size, size, 3), **options)
    randomise(model, np.random.default_rng(0))
    return model


def _dense(keras: Any, weights: int) -> Any:
    """Four hidden layers of one width, three square kernels between them."""
    width = int((weights / 3) ** 0.5)
    hidden = [keras.layers.Dense(width, activation="relu") for _ in range(4)]
    return keras.Sequential([keras.Input((32,)), *hidden, keras.layers.Dense(10)])


def _conv(keras: Any, weights: int) -> Any:
    """Twelve convolutions of one width, normalised."""
    width = int((weights / (9 * 11)) ** 0.5)
    layers: list[Any] = [keras.Input((16, 16, 3))]
    for _ in range(12):
        layers += [
            keras.layers.Conv2D(width, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    return keras.Sequential(
        [*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
    )


if __name__ == "__main__":
    main()
