"""A typed client of the HTTP API: push files, start jobs, watch them, fetch what they made.

    with Client("http://127.0.0.1:8000") as client:
        model = client.upload_model("net.keras")
        dataset = client.upload_dataset("data.npz")
        job = client.create_job(model.id, dataset.id, recipe={"preset": "balanced"})
        for job in client.watch(job.id):
            print(job.status, job.stage, job.progress)
        client.download(job.id, "model.keras", "smaller.keras")

Every failure is a `PruneryError` with the server's own code, detail and hint.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2

from prunery.connection import Connection, RemoteError, parse
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from prunery.specs.job import DatasetView, JobRequest, JobView, LevelView, ModelView, UploadView
from prunery.specs.models import Prunability
from prunery.specs.report import Report
from prunery.transfer import Outgoing, Progress, digest_header, save, sha256

View = TypeVar("View", bound=UploadView)
WAIT_SECONDS = 30
POLL_SECONDS = 1.0
QUIET_SECONDS = 60


@dataclass(frozen=True)
class JobEvent:
    """One line of a job's story; `id` resumes after it."""

    id: str
    type: str
    data: dict[str, Any]


class Client:
    """Talks to one server. The address and key default to PRUNERY_URL and PRUNERY_KEY."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self._connection = Connection(url, key)
        self.url = self._connection.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    # Uploads

    def upload_model(
        self, path: str | Path, *, filename: str | None = None, progress: Progress | None = None
    ) -> ModelView:
        """Send a .keras or .h5 file and wait until it is checked.

        Raises: the reason why it was rejected, as the server's problem.
        """
        view = self._upload("/v1/models", Path(path), filename, {}, progress)
        return self._ready(ModelView, f"/v1/models/{parse(ModelView, view).id}")

    def upload_dataset(
        self,
        path: str | Path,
        *,
        filename: str | None = None,
        options: DatasetOptions | None = None,
        progress: Progress | None = None,
    ) -> DatasetView:
        """Send a .npz, .csv or .zip file and wait until it is checked."""
        fields = options.model_dump(exclude_unset=True, exclude_none=True) if options else {}
        view = self._upload("/v1/datasets", Path(path), filename, fields, progress)
        return self._ready(DatasetView, f"/v1/datasets/{parse(DatasetView, view).id}")

    def model(self, model_id: str) -> ModelView:
        """One model."""
        return parse(ModelView, self._connection.get(f"/v1/models/{model_id}"))

    def dataset(self, dataset_id: str) -> DatasetView:
        """One dataset."""
        return parse(DatasetView, self._connection.get(f"/v1/datasets/{dataset_id}"))

    def prunability(self, model_id: str) -> Prunability:
        """What can be removed of a model, and why not the rest."""
        return parse(Prunability, self._connection.get(f"/v1/models/{model_id}/prunability"))

    def delete(self, upload_id: str) -> None:
        """Delete a model (mdl_...) or a dataset (dst_...)."""
        kind = "models" if upload_id.startswith("mdl_") else "datasets"
        self._connection.send("DELETE", f"/v1/{kind}/{upload_id}")

    # Jobs

    def create_job(
        self,
        model: str,
        dataset: str | None = None,
        *,
        recipe: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> JobView:
        """Queue a job; `options` are the other fields of `JobRequest`."""
        body = JobRequest(model=model, dataset=dataset, recipe=dict(recipe or {}), **options)
        content = body.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return parse(JobView, self._connection.send("POST", "/v1/jobs", json=content))

    def job(self, job_id: str) -> JobView:
        """One job as it stands."""
        return parse(JobView, self._connection.get(f"/v1/jobs/{job_id}"))

    def jobs(self) -> Iterator[JobView]:
        """Every job, newest first, page by page."""
        after: str | None = None
        while True:
            query = {"after": after} if after else {}
            page = self._connection.get("/v1/jobs", params=query).json()
            for item in page["items"]:
                yield JobView.model_validate(item, extra="ignore")
            after = page.get("next")
            if not after:
                return

    def watch(self, job_id: str, *, poll_seconds: float = POLL_SECONDS) -> Iterator[JobView]:
        """The job each time anything about it changes; the last one is terminal."""
        etag: str | None = None
        while True:
            headers = {"If-None-Match": etag} if etag else {}
            answer = self._connection.get(f"/v1/jobs/{job_id}", headers=headers)
            if answer.status_code != httpx2.codes.NOT_MODIFIED:
                etag = answer.headers.get("ETag")
                job = parse(JobView, answer)
                yield job
                if job.is_terminal:
                    return
            time.sleep(poll_seconds)

    def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> JobView:
        """Block until the job is terminal, or the time is up: then the job as it stands."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            left = WAIT_SECONDS if deadline is None else deadline - time.monotonic()
            seconds = max(0, min(WAIT_SECONDS, int(left)))
            headers = {"Prefer": f"wait={seconds}"} if seconds else {}
            job = parse(JobView, self._connection.get(f"/v1/jobs/{job_id}", headers=headers))
            if job.is_terminal or left <= 0:
                return job
            # A status can change without ending the job, and then the server answers at once.
            time.sleep(min(0.2, max(left, 0)))

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[JobEvent]:
        """The job's story as it happens, to its terminal event; a lost connection is resumed."""
        while True:
            headers = {"Accept": "text/event-stream"}
            if after is not None:
                headers["Last-Event-ID"] = after
            try:
                with self._connection.http.stream(
                    "GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=QUIET_SECONDS
                ) as stream:
                    if not stream.is_success:
                        break
                    for item in httpx2.EventSource(stream):
                        if item.id:
                            after = item.id
                        if item.data:
                            yield JobEvent(item.id or "", item.event, json.loads(item.data))
            except httpx2.TransportError:
                pass  # job() below tries again, and says so when the server is gone for good
            if self.job(job_id).is_terminal:
                return
        # An error has no events in it: ask the plain way, which raises the problem.
        self._connection.get(f"/v1/jobs/{job_id}/events")

    def cancel(self, job_id: str) -> JobView:
        """Ask a job to stop."""
        return self._act(job_id, "cancel")

    def finish(self, job_id: str) -> JobView:
        """Ask a job to stop training and pack the best level so far."""
        return self._act(job_id, "finish")

    def pause(self, job_id: str) -> JobView:
        """Ask a running job to stop at a checkpoint until it is resumed."""
        return self._act(job_id, "pause")

    def resume(self, job_id: str) -> JobView:
        """Queue a paused job again."""
        return self._act(job_id, "resume")

    def retry(self, job_id: str) -> JobView:
        """Start a new job like this one."""
        return self._act(job_id, "retry")

    def choose(self, job_id: str, level: int) -> JobView:
        """Start a job that makes another level of this one the result."""
        return self._act(job_id, f"levels/{level}/choose")

    # Results

    def levels(self, job_id: str) -> list[LevelView]:
        """Every finished level, on validation examples."""
        found = self._connection.get(f"/v1/jobs/{job_id}/levels").json()
        items = found["items"] if isinstance(found, dict) else found
        return [LevelView.model_validate(item, extra="ignore") for item in items]

    def report(self, job_id: str) -> Report:
        """The finished job's report."""
        headers = {"Accept": "application/json"}
        return parse(Report, self._connection.get(f"/v1/jobs/{job_id}/report", headers=headers))

    def download(
        self, job_id: str, name: str, path: str | Path, *, progress: Progress | None = None
    ) -> Path:
        """Fetch an artifact to a file (or into a folder), checked against the server's digest."""
        target = Path(path)
        if target.is_dir():
            target = target / Path(name).name
        with self._connection.stream(f"/v1/jobs/{job_id}/artifacts/{quote(name)}") as response:
            return save(response, target, progress)

    # Server

    def recipes(self) -> dict[str, Any]:
        """The presets, resolved."""
        return dict(self._connection.get("/v1/recipes").json())

    def limits(self) -> dict[str, Any]:
        """The limits in force."""
        return dict(self._connection.get("/v1/limits").json())

    def _act(self, job_id: str, action: str) -> JobView:
        return parse(JobView, self._connection.send("POST", f"/v1/jobs/{job_id}/{action}"))

    def _upload(
        self,
        collection: str,
        path: Path,
        filename: str | None,
        fields: Mapping[str, Any],
        progress: Progress | None,
    ) -> httpx2.Response:
        digest = sha256(path)
        with Outgoing(path, progress) as body:
            return self._connection.send(
                "POST",
                collection,
                params={"filename": filename or path.name, **fields},
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(body.size_bytes),
                    "Content-Digest": digest_header(digest),
                },
                content=body,
            )

    def _ready(self, kind: type[View], path: str) -> View:
        while True:
            headers = {"Prefer": f"wait={WAIT_SECONDS}"}
            view = parse(kind, self._connection.get(path, headers=headers))
            if view.status == "ready":
                return view
            if view.status == "rejected":
                if view.error is not None:
                    raise RemoteError(view.error)
                raise PruneryError("upload_rejected", f"{view.filename} was rejected.")
            time.sleep(0.2)
