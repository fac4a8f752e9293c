"""What a finished job hands over: files and whom each is for, the code that uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.jobs.results import saved_as
from prunery.reports.language import SOURCE, Language
from prunery.reports.numbers import Numbers
from prunery.specs.job import ArtifactView, JobView, ModelView, Status
from prunery.specs.models import TensorInfo
from prunery.specs.report import TOLD_AS_TIMES, Report


@dataclass(frozen=True)
class File:
    """One row: `name` is how it is saved, `whom` says in words what it is good for."""

    url: str
    name: str
    size_bytes: int | None
    whom: str


def files(job: JobView, language: Language) -> tuple[File, ...]:
    """Every file for people, the one to start with first; levels stay in the archive."""
    say = language.gettext
    whom = {
        "model.keras": say("The same kind of file you gave us. Start with this one."),
        "report.html": say("The report, to keep or to print. Opens without a network."),
        "all.zip": say("Everything in one archive, every size included."),
        "masked.keras": say("For checking: your network at full size, the removed parts zero."),
        "certificate.json": say("For checking: the proof that both compute the same."),
        "ticket.npz": say("For researchers: the mask and the rewound weights."),
        "report.json": say("For programs: every figure of the report."),
    }
    there = {artifact.name: artifact for artifact in job.artifacts}
    return tuple(
        _report(job, words)
        if name == "report.html" and language.code != SOURCE
        else _file(job, there[name], words)
        for name, words in whom.items()
        if name in there
    )


def _report(job: JobView, whom: str) -> File:
    """The stored report is English; another language is drawn when it is asked for."""
    return File(f"/jobs/{job.id}/report.html", saved_as(job.name, "report.html"), None, whom)


def main_file(job: JobView) -> File | None:
    """The compact model."""
    found = next((one for one in job.artifacts if one.name == "model.keras"), None)
    return None if found is None else _file(job, found, "")


def _file(job: JobView, artifact: ArtifactView, whom: str) -> File:
    url = f"/jobs/{job.id}/files/{artifact.name}"
    return File(url, saved_as(job.name, artifact.name), artifact.size_bytes, whom)


def download_note(report: Report, download: File | None, language: Language) -> str:
    """Why the file to download is not as small as the one that was measured, where they differ."""
    size = download.size_bytes if download is not None else None
    if size is None or size < 1.1 * report.compact.size_bytes:
        return ""
    return language.gettext(
        "The file to download takes %(size)s: it also holds what its optimizer remembers, so that "
        "training can go on.",
        size=Numbers(language).bytes(size),
    )


def usage(job: JobView, report: Report, model: ModelView | None) -> str:
    """Python that loads the file and asks it something."""
    name = saved_as(job.name, "model.keras")
    inputs = model.summary.inputs if model is not None and model.summary is not None else ()
    comment = f"  # {_shapes(inputs)}{_scale(report.data.scale)}" if inputs else ""
    return (
        "import keras\n\n"
        f"model = keras.saving.load_model({_literal(name)})\n"
        f"answers = model.predict(examples){comment}"
    )


def _shapes(inputs: tuple[TensorInfo, ...]) -> str:
    def one(tensor: TensorInfo) -> str:
        return " x ".join("any" if size is None else str(size) for size in tensor.shape) or "1"

    if len(inputs) == 1:
        return one(inputs[0])
    return ", ".join(f"{re.sub(r'[^ -~]', '?', tensor.name)}: {one(tensor)}" for tensor in inputs)


def _scale(scale: str | None) -> str:
    ranges = {
        "0..1": ", from 0 to 1",
        "-1..1": ", from -1 to 1",
        "caffe": ", after keras.applications.vgg16.preprocess_input",
        "torch": ", after keras.applications.densenet.preprocess_input",
    }
    return ranges.get(scale or "", "")


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _won(job: JobView, language: Language) -> str:
    """'4.4 times smaller', or that nothing was won."""
    metrics = job.metrics or {}
    if metrics.get("outcome") not in ("smaller", "over_limit"):
        return language.gettext("Done")
    try:
        ratio = metrics["dense"]["size_bytes"] / max(metrics["compact"]["size_bytes"], 1)
    except (KeyError, TypeError):
        return language.gettext("Done")
    if ratio < TOLD_AS_TIMES:
        return language.gettext("Done")
    return language.gettext("%(times)s smaller", times=Numbers(language).times(ratio, 2))


def in_short(job: JobView, language: Language) -> str:
    """A job in the list: how it stands, in a few words."""
    say = language.gettext
    if job.status == Status.RUNNING:
        return say("Running, %(percent)s done", percent=Numbers(language).percent(job.progress, 0))
    return {
        Status.QUEUED: say("Waiting"),
        Status.PAUSED: say("Paused"),
        Status.CANCELLING: say("Stopping"),
        Status.SUCCEEDED: _won(job, language),
        Status.FAILED: say("Did not work"),
        Status.CANCELLED: say("Cancelled"),
        Status.EXPIRED: say("Waited too long"),
    }[job.status]
