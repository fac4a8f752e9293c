"""The article, end to end, over HTTP: `make demo`, or `make demo ARGS=--help`.

Starts a service of its own, uploads the article's untrained network and Fashion-MNIST, runs the
preset `article`, and shows dense against compact beside the article's own figures.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from examples import article_model, service
from examples.fashion_mnist import SAMPLE, load, load_sample, write_npz
from prunery.cli import exit_code, print_problem
from prunery.client import Client
from prunery.connection import RemoteError
from prunery.progress import JobBar, file_bar
from prunery.specs.errors import PruneryError
from prunery.specs.job import JobView
from prunery.specs.report import Report
from prunery.terminal import result_table

# What the article reports for the same network and data; it says "about half" of the parameters.
ARTICLE = {
    "test accuracy": ("0.8594", "0.8554"),
    "parameters": ("282,160", "half"),
}
FILES = ("model.keras", "masked.keras", "certificate.json", "report.json", "report.html")
# As many steps on 10,000 images as ten epochs take on 60,000.
SAMPLE_EPOCHS = 60


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    out: Path
    seed: int
    sample: bool


def main() -> int:
    """Run the demo; 0 when the compact model is on the disk."""
    # A demo that is ended takes its service with it, as one that is interrupted does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = _options()
    console = Console(highlight=False)
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    dataset, recipe = _prepare(console, options)
    log = options.out / "service.log"
    started = time.monotonic()
    try:
        with service.running(options.out / "service", log) as url, Client(url) as client:
            console.print(f"Service at {url} (log: {log})")
            report = _run(console, client, dataset, recipe, options.out)
    except service.ServiceFailedError as error:
        console.print(error)
        return 1
    except PruneryError as error:
        print_problem(error)
        return exit_code(error)
    _show(console, report, options.out, time.monotonic() - started)
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="where files go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--sample", action="store_true", help="the sample, though the full set is here"
    )
    given = parser.parse_args()
    return Options(out=given.out, seed=given.seed, sample=given.sample)


def _prepare(console: Console, options: Options) -> tuple[Path, dict[str, Any]]:
    """The dataset as a file to upload, and the recipe for it."""
    data = load_sample() if options.sample else load()
    console.print(f"Fashion-MNIST: {data.source}, {len(data.y_train):,} training images")
    recipe: dict[str, Any] = {"preset": "article", "seed": options.seed}
    if data.is_full:
        return write_npz(data, options.out / "fashion_mnist.npz"), recipe
    recipe["training"] = {"epochs": SAMPLE_EPOCHS, "retrain_epochs": SAMPLE_EPOCHS}
    return SAMPLE, recipe


def _run(
    console: Console, client: Client, dataset: Path, recipe: dict[str, Any], out: Path
) -> Report:
    with file_bar(console, f"uploading {article_model.FILE.name}") as progress:
        model = client.upload_model(article_model.FILE, progress=progress)
    with file_bar(console, f"uploading {dataset.name}") as progress:
        data = client.upload_dataset(dataset, progress=progress)
    job = client.create_job(model.id, data.id, recipe=recipe, name="The article, reproduced")
    _finish(console, client, job)
    for name in FILES:
        client.download(job.id, name, out / name)
    return client.report(job.id)


def _finish(console: Console, client: Client, job: JobView) -> None:
    with JobBar(console) as bar:
        for now in client.watch(job.id):
            bar.show(now)
            job = now
    if job.error is not None:
        raise RemoteError(job.error)
    if job.status != "succeeded":
        raise PruneryError("conflict", f"The job ended as {job.status}.")


def _show(console: Console, report: Report, out: Path, seconds: float) -> None:
    console.print()
    console.print(result_table(report, reference=ARTICLE))
    for control in report.controls:
        if control.level == report.chosen_level:
            where = f", {control.note}" if control.note else ""
            words = f"control {control.control.replace('_', ' ')}:"
            console.print(f"{words:<26}{control.metric.value:.4f}{where}")
    console.print(report.verdict.sentence)
    console.print()
    console.print(f"smaller model   {(out / 'model.keras').resolve()}", soft_wrap=True)
    console.print(f"report          {(out / 'report.html').resolve()}", soft_wrap=True)
    console.print("web form        make up, then open the address that it prints")
    console.print(f"{seconds:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
