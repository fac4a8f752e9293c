"""One HTTP connection to a server: its address, its key, retries, and problems as errors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from prunery.specs.errors import CODES, Problem, PruneryError

DEFAULT_URL = "http://127.0.0.1:8000"
TRIES = 6
PASSING = frozenset({429, 502, 503, 504})

Model = TypeVar("Model", bound=BaseModel)


class RemoteError(PruneryError):
    """A problem that the server described; `problem()` is its document, untouched."""

    def __init__(self, document: Problem) -> None:
        # A newer server may know codes that this client does not.
        code = document.code if document.code in CODES else "internal"
        super().__init__(code, document.detail, hint=document.hint, errors=document.errors)
        self.document = document

    def problem(self, *, request_id: str | None = None, stage: str | None = None) -> Problem:
        """The document as it came; the arguments fill what it leaves open."""
        update = {
            "request_id": self.document.request_id or request_id,
            "stage": self.document.stage or stage,
        }
        return self.document.model_copy(update=update)


class Connection:
    """Sends requests. Reading is tried again while a server restarts; nothing else ever is."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_seconds: float = 90.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = (url or os.environ.get("PRUNERY_URL") or DEFAULT_URL).rstrip("/")
        key = key or os.environ.get("PRUNERY_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # 90 s: the server may hold an answer for 60 (Prefer: wait).
        self.http = httpx2.Client(base_url=self.url, headers=headers, timeout=timeout_seconds)
        self._sleep = sleep
        self._reached = False

    def close(self) -> None:
        """Close the sockets."""
        self.http.close()

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """GET, tried again for ten seconds where a server that was there is gone."""
        for attempt in range(TRIES):
            try:
                response = self.http.get(path, **options)
            except httpx2.TransportError as error:
                # A server that never answered is more likely a wrong address than a restart.
                if attempt == TRIES - 1 or not self._reached:
                    raise self._unreachable(error) from error
                self._sleep(0.3 * 2**attempt)
                continue
            self._reached = True
            if response.status_code not in PASSING or attempt == TRIES - 1:
                break
            self._sleep(_retry_after(response) or 0.3 * 2**attempt)
        return self._checked(response)

    def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Anything that changes something: sent once."""
        try:
            return self._checked(self.http.request(method, path, **options))
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx2.Response]:
        """GET whose body is read piece by piece."""
        try:
            with self.http.stream("GET", path, **options) as response:
                if not response.is_success:
                    response.read()
                yield self._checked(response)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _checked(self, response: httpx2.Response) -> httpx2.Response:
        if response.is_success or response.status_code == httpx2.codes.NOT_MODIFIED:
            return response
        try:
            problem = Problem.model_validate_json(response.content, extra="ignore")
        except ValidationError:
            raise self._stranger(response) from None
        raise RemoteError(problem)

    def _unreachable(self, error: httpx2.TransportError) -> PruneryError:
        return PruneryError(
            "service_unavailable",
            f"{self.url} does not answer: {str(error).rstrip('.') or type(error).__name__}.",
            hint="Is the server running, and is the address right? `prunery up` starts one here; "
            "PRUNERY_URL or --server names another.",
        )

    def _stranger(self, response: httpx2.Response) -> PruneryError:
        by_status = {kind.status: code for code, kind in reversed(CODES.items())}
        return PruneryError(
            by_status.get(response.status_code, "internal"),
            f"{response.request.url} answered {response.status_code}, not as Prunery would.",
            hint="Does the address name a Prunery server, with no proxy in between that answers?",
        )


def parse(model: type[Model], response: httpx2.Response) -> Model:
    """Read an answer; fields that a newer server added are passed over."""
    return model.model_validate_json(response.content, extra="ignore")


def _retry_after(response: httpx2.Response) -> float | None:
    try:
        return min(float(response.headers["Retry-After"]), 30.0)
    except (KeyError, ValueError):
        return None
