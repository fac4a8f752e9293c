"""Preset `article` on the full Fashion-MNIST, several seeds, controls beside it.

    python -m benchmarks.article [--seeds 3] [--markdown FILE]

The article's own figures (784-300-150-10, one iteration by hand): 0.8594 dense, 0.8554 with about
half of 282,160 parameters. Its target here: 0.855 dense and a compact model within 0.6 points.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from examples import article_model
from examples.fashion_mnist import find
from prunery.specs.report import Report
from worker.local.commands import prune

ARTICLE = ("the article", 0.8594, 0.8554)
CONTROLS = ("fresh_small", "fresh_same_scale", "random_units")
HEADINGS = ("", "dense", "compact", "change, points", *CONTROLS, "parameters")


def main() -> None:
    """Run every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    data = find.load()
    with tempfile.TemporaryDirectory() as folder:
        dataset = find.write_npz(data, Path(folder, "fashion_mnist.npz"))
        reports = [_run(Path(folder), dataset, seed) for seed in range(arguments.seeds)]
    table = _table(reports, find.described(data))
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(table + "\n", encoding="utf-8")


def _run(folder: Path, dataset: Path, seed: int) -> Report:
    model = folder / f"article-{seed}.keras"
    article_model.build(seed).save(model)
    recipe = {"preset": "article", "seed": seed}
    return prune(model, dataset, recipe, folder / f"seed-{seed}")


def _table(reports: list[Report], source: str) -> str:
    rows = [_row(f"seed {n}", _figures(report)) for n, report in enumerate(reports)]
    columns = list(zip(*(_figures(report) for report in reports), strict=True))
    rows.append(_row("mean", [statistics.mean(column) for column in columns]))
    name, dense, compact = ARTICLE
    change = 100 * (compact - dense)
    rows.append(
        [name, f"{dense:.4f}", f"{compact:.4f}", f"{change:+.2f}", "", "", "", "about half"]
    )
    lines = [" | ".join(HEADINGS), "|".join(["---"] * len(HEADINGS))]
    lines += [" | ".join(row) for row in rows]
    return f"Test accuracy; {source}.\n\n" + "\n".join(f"| {line} |" for line in lines)


def _figures(report: Report) -> list[float]:
    assert report.dense.metric is not None
    assert report.compact.metric is not None
    found = {control.control: control.metric.value for control in report.controls}
    dense, compact = report.dense.metric.value, report.compact.metric.value
    return [dense, compact, *(found[name] for name in CONTROLS), report.compact.parameters]


def _row(name: str, figures: list[float]) -> list[str]:
    dense, compact, *controls, parameters = figures
    return [
        name,
        f"{dense:.4f}",
        f"{compact:.4f}",
        f"{100 * (compact - dense):+.2f}",
        *(f"{value:.4f}" for value in controls),
        f"{parameters:,.0f}",
    ]


if __name__ == "__main__":
    main()
