"""Every architecture of keras.applications, random weights, half of every group removed.

    python -m benchmarks.applications [NAME ...] [--size N] [--json FILE]

For each: seconds to build, to analyse and to rebuild; parameters and operations before and after;
and the largest difference in float64 between the masked and the compact model, relative to the
largest output, on a random image and on a scaled one. Outputs are logits, and must vary.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from worker.engine.compaction import masked, stepwise
from worker.engine.compaction.rebuild import compact
from worker.engine.graph import analyse
from worker.engine.masks import variable_keys
from worker.engine.profiling import flops, parameters

HEADER = (
    f"{'model':22} {'build':>6} {'find':>6} {'cut':>6} {'groups':>6} {'parameters':>11} "
    f"{'ratio':>6} {'FLOPs':>6} {'difference':>10} {'variation':>9}"
)


def names() -> list[str]:
    """All architectures, by the name of their function."""
    return sorted(
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    )


def randomise(model: keras.Model, generator: np.random.Generator) -> None:
    """Weights that keep signals alive and hide nothing: no zero bias, no idle normalisation."""
    for key, variable in variable_keys(model).items():
        shape = tuple(variable.shape)
        noise = generator.standard_normal(shape)
        name = key.rsplit("/", 1)[-1]
        if "variance" in name:
            value = 0.5 + np.abs(noise)
        elif name == "gamma" or (len(shape) == 1 and name == "variable"):
            value = 1 + 0.3 * noise
        elif len(shape) < 2:
            value = 0.3 * noise
        elif name == "depthwise_kernel":
            value = noise * np.sqrt(2 / np.prod(shape[:-2]))
        else:
            value = noise * np.sqrt(2 / np.prod(shape[:-1]))
        if "float" in variable.dtype:
            variable.assign(value)


def measure(name: str, size: int | None) -> dict[str, Any]:
    """One row of the table."""
    generator = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    options: dict[str, Any] = {"weights": None, "classifier_activation": None}
    if size:
        options["input_shape"] = (size, size, 3)
    start = time.perf_counter()
    model = getattr(keras.applications, name)(**options)
    build = time.perf_counter() - start
    randomise(model, generator)
    start = time.perf_counter()
    graph = analyse(model)
    find = time.perf_counter() - start
    kept = {
        key: np.sort(generator.permutation(group.units)[: max(1, group.units // 2)])
        for key, group in graph.groups.items()
    }
    start = time.perf_counter()
    compacted = compact(model, graph, kept)
    cut = time.perf_counter() - start
    whole = masked.scatter(model, compacted.model, compacted.keep, rescaled=compacted.rescaled)
    image = generator.random((1, *model.inputs[0].shape[1:])).astype(np.float32)
    images = np.concatenate([image * 255, generator.random(image.shape) * 60])
    expected = stepwise.run(whole, [images])[0]
    got = stepwise.run(compacted.model, [images])[0]
    scale = float(np.abs(expected).max())
    before, after = flops(model), flops(compacted.model)
    return {
        "name": name,
        "build": build,
        "find": find,
        "cut": cut,
        "groups": len(graph.groups),
        "parameters": parameters(model),
        "ratio": parameters(compacted.model) / parameters(model),
        "flops": after / before if before and after else None,
        "difference": float(np.abs(expected - got).max()) / scale,
        "variation": float(np.abs(expected - expected.mean()).max()) / scale,
        "frozen": {info.layer: info.reason for info in graph.frozen},
    }


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    work = "-" if row["flops"] is None else f"{row['flops']:.3f}"
    return (
        f"{row['name']:22} {row['build']:6.1f} {row['find']:6.1f} {row['cut']:6.1f} "
        f"{row['groups']:6} {row['parameters']:11,} {row['ratio']:6.3f} {work:>6} "
        f"{row['difference']:10.1e} {row['variation']:9.1e}"
    )


def main() -> int:
    """Print the table; 1 where a model is not proven."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--size", type=int, default=None, help="side of the input images")
    parser.add_argument("--json", type=Path, default=None)
    chosen = parser.parse_args()
    sys.stdout.write(HEADER + "\n")
    rows = []
    for name in chosen.names or names():
        rows.append(measure(name, chosen.size))
        sys.stdout.write(line(rows[-1]) + "\n")
        sys.stdout.flush()
        keras.backend.clear_session()
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(row["difference"] > 1e-9 or row["variation"] < 1e-3 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
