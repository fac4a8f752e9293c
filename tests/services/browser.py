"""Find a Chromium on this machine; none is ever downloaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.services.missing import ServiceMissingError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Chromium's own sandbox refuses root, and its background requests have nowhere to go.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> Path:
    """The path of a Chromium, or of what PRUNERY_TEST_CHROMIUM names.

    Raises: ServiceMissingError.
    """
    named = os.environ.get("PRUNERY_TEST_CHROMIUM")
    for name in (named,) if named else NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise ServiceMissingError(
        "No Chromium on PATH: apt install chromium on Debian, or name one in PRUNERY_TEST_CHROMIUM"
    )
