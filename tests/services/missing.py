"""What a test does when the machine truly lacks a service: skip loudly, or fail in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRE = "PRUNERY_REQUIRE_SERVICES"
missing: set[str] = set()


class ServiceMissingError(Exception):
    """The machine has no such service; the message says what would bring it."""


def skip(reason: str) -> NoReturn:
    """Skip the test; with PRUNERY_REQUIRE_SERVICES=1 fail it instead."""
    missing.add(reason)
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{reason} ({REQUIRE}=1 makes this a failure)", pytrace=False)
    pytest.skip(reason)
