"""/healthz: this process lives. /readyz: it can take work. /metrics: for Prometheus."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from pydantic import Field
from starlette.responses import JSONResponse, Response

from app.accounts.caller import Caller
from app.context import Context, Ctx
from app.core import clock
from app.http import metrics
from app.jobs import repository as jobs
from prunery.specs.base import Wire
from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.job import Status

router = APIRouter(tags=["service"])


class Health(Wire):
    """`parts`: what was looked at, and whether it answers.

    `workers`: how many are alive, by queue. `sandbox_missing`: walls that a worker's machine lacks.
    """

    status: str
    parts: dict[str, bool] = Field(default_factory=dict)
    workers: dict[str, int] = Field(default_factory=dict)
    sandbox_missing: tuple[str, ...] = ()


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Whether this process lives; looks at nothing else."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(ctx: Ctx) -> Health:
    """Whether database, storage and broker answer; 503 with their names where one does not.

    Workers are counted, not required: a job waits in the queue until there is one.
    """
    parts = {
        "database": ctx.database.is_up(),
        "storage": ctx.storage.is_up(),
        "broker": ctx.broker.is_up(),
    }
    if down := [name for name, is_up in parts.items() if not is_up]:
        raise PruneryError(
            "service_unavailable",
            f"Not answering: {', '.join(down)}.",
            errors=[
                FieldError(pointer=f"/parts/{name}", message="does not answer") for name in down
            ],
        )
    workers, missing = _workers(ctx)
    return Health(status="ok", parts=parts, workers=workers, sandbox_missing=missing)


def _workers(ctx: Context) -> tuple[dict[str, int], tuple[str, ...]]:
    silent_for = timedelta(seconds=3 * ctx.settings.heartbeat_seconds)
    with ctx.database.reading() as session:
        alive = jobs.workers(session, silent_for)
    by_queue = Counter(queue for worker in alive for queue in worker.queues.split(","))
    missing = {str(wall) for worker in alive for wall in worker.sandbox.get("missing", ())}
    return dict(sorted(by_queue.items())), tuple(sorted(missing))


@router.get("/metrics", response_class=Response, include_in_schema=False)
def show_metrics(ctx: Ctx, caller: Caller) -> Response:  # noqa: ARG001 - a key, where keys are on
    """Counters of this process, and the jobs by status."""
    content = generate_latest(metrics.REGISTRY) + generate_latest(_of_database(ctx))
    return Response(content, media_type=CONTENT_TYPE_LATEST)


def _of_database(ctx: Context) -> CollectorRegistry:
    registry = CollectorRegistry()
    gauge = Gauge("prunery_jobs", "Jobs by status", ["status"], registry=registry)
    with ctx.database.reading() as session:
        found = jobs.counts(session)
        oldest = jobs.oldest_queued(session)
    for status in Status:
        gauge.labels(status).set(found.get(status, 0))
    age = Gauge("prunery_queue_age_seconds", "Longest wait in the queue", registry=registry)
    age.set(0 if oldest is None else (clock.now() - oldest).total_seconds())
    workers = Gauge("prunery_workers", "Workers alive", ["queue"], registry=registry)
    for queue, count in _workers(ctx)[0].items():
        workers.labels(queue).set(count)
    return registry
