"""The API as an ASGI application: `uvicorn app.main:app`. No TensorFlow, no Celery at start."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import AsyncIterator
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from app import health
from app.context import Context
from app.core import settings as configuration
from app.core.broker import Broker
from app.core.database import Database
from app.core.settings import Settings
from app.core.storage import Storage
from app.core.watch import Watch
from app.datasets import endpoints as datasets
from app.http import docs, openapi, planned, problems
from app.http.bodies import BodyLimit
from app.http.boundary import Boundary
from app.http.headers import SecurityHeaders
from app.http.idempotency import Idempotency
from app.http.origins import LOOPBACK_NAMES, Origins
from app.jobs import checks, comparisons, recipes, results
from app.jobs import endpoints as jobs
from app.models import endpoints as models
from app.uploads import limits
from app.uploads.receive import Incoming
from app.waiting import look


def create_app(settings: Settings | None = None) -> FastAPI:
    """An application with settings of its own; its parts are opened when it starts."""
    chosen = settings or configuration.load()
    app = FastAPI(
        title="Prunery",
        version=version("prunery"),
        lifespan=partial(_lifespan, settings=chosen),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for part in (
        models,
        datasets,
        jobs,
        checks,
        comparisons,
        results,
        recipes,
        limits,
        health,
        planned,
        docs,
    ):
        app.include_router(part.router)
    _include_web(app)
    problems.install(app)
    openapi.install(app)
    # The last one added is the outermost.
    app.add_middleware(Idempotency)
    app.add_middleware(BodyLimit, idle_seconds=chosen.body_idle_seconds)
    hosts = None if chosen.needs_keys else LOOPBACK_NAMES
    app.add_middleware(Origins, hosts=hosts, public_url=chosen.public_url)
    app.add_middleware(Boundary)
    app.add_middleware(SecurityHeaders)
    return app


def _include_web(app: FastAPI) -> None:
    """The pages join where they are installed; an API alone is a service, too."""
    if importlib.util.find_spec("app.web.pages") is None:
        return
    pages = importlib.import_module("app.web.pages")
    app.include_router(pages.router)
    app.state.error_page = getattr(pages, "error_page", None)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI, *, settings: Settings) -> AsyncIterator[None]:
    database = Database(settings.database)
    broker = Broker(settings)
    context = Context(
        settings=settings,
        database=database,
        storage=Storage.from_settings(settings),
        broker=broker,
        watch=Watch(partial(look, database)),
    )
    Incoming(context.incoming_dir).sweep()
    app.state.context = context
    try:
        yield
    finally:
        await context.watch.close()
        broker.close()
        database.dispose()


app = create_app()


if __name__ == "__main__":
    sys.stdout.write(openapi.text(app))
