"""A running service, and a small job's files: real processes, driven from outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import service
from examples.fashion_mnist import load_sample, write_npz
from examples.fashion_mnist.find import FashionMnist


@pytest.fixture(scope="session")
def service_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the running service keeps its data (`data`) and what it says (`log`)."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="session")
def service_url(service_folder: Path) -> Iterator[str]:
    """Address of a `prunery up` on the embedded default: SQLite, a folder, the folder queue."""
    with service.running(service_folder / "data", service_folder / "log") as url:
        yield url


@pytest.fixture(scope="session")
def small_fashion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real dataset of 600 training and 200 test images, as a file to upload."""
    full = load_sample()
    small = FashionMnist(
        x_train=full.x_train[:600],
        y_train=full.y_train[:600],
        x_test=full.x_test[:200],
        y_test=full.y_test[:200],
        source=full.source,
        is_full=False,
    )
    return write_npz(small, tmp_path_factory.mktemp("data") / "small_fashion.npz")
