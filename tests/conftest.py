"""Fixtures for everyone: a real Postgres, a real Redis, a real browser."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.services import browser, missing, postgres, redis

# What collecting imports lives to the end of the run: until then there is nothing to look for.
gc.disable()

# Quiet and small: a test's nets are tiny, and threads that wait for each other burn the cores that
# the other tests need.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
for threads in (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"),
    "PRUNERY_ENGINE_THREADS",  # of the engines that a service under test starts
):
    os.environ.setdefault(threads, "1")

# A slow machine is no wrong answer.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy URL of a running Postgres; PRUNERY_TEST_POSTGRES_URL names another."""
    if named := os.environ.get("PRUNERY_TEST_POSTGRES_URL"):
        yield named
        return
    try:
        with postgres.running() as url:
            yield url
    except missing.ServiceMissingError as error:
        missing.skip(str(error))


@pytest.fixture
def fresh_postgres_url(postgres_url: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty Postgres database that this test alone uses."""
    with postgres.database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of a running Redis; PRUNERY_TEST_REDIS_URL names another."""
    if named := os.environ.get("PRUNERY_TEST_REDIS_URL"):
        yield named
        return
    try:
        with redis.running() as url:
            yield url
    except missing.ServiceMissingError as error:
        missing.skip(str(error))


@pytest.fixture
def fresh_redis_url(redis_url: str) -> Iterator[str]:
    """URL of a Redis database that is empty before and after the test."""
    redis.flush(redis_url)
    yield redis_url
    redis.flush(redis_url)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of a Chromium for `playwright.chromium.launch(executable_path=...)`."""
    try:
        return browser.find()
    except missing.ServiceMissingError as error:
        missing.skip(str(error))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, or it may be left to one process at the end.

    So does what shares a running service: together, those tests start it in one process alone.
    """

    def waits(item: pytest.Item) -> bool:
        shares_service = "service_url" in getattr(item, "fixturenames", ())
        return shares_service or item.get_closest_marker("slow") is not None

    items.sort(key=lambda item: not waits(item))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Collect garbage again, and never look at what was imported."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests, each tells the first what it could not test."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["missing"] = sorted(missing.missing)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of those processes ends; one that crashed has told nothing."""
    missing.missing.update(getattr(node, "workeroutput", {}).get("missing", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, at the very end, what this machine could not test."""
    for reason in sorted(missing.missing):
        terminalreporter.write_line(f"NOT TESTED HERE: {reason}", red=True, bold=True)
