"""What is installed is locked by hash, names no place it came from, and agrees everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted(REQUIREMENTS.glob("*.txt"))
PIN = re.compile(
    r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)(?: *; *([^\\]+?))? *\\?$", re.MULTILINE
)


def _pins(lock: Path) -> set[tuple[str, str, str]]:
    return set(PIN.findall(lock.read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    text = lock.read_text()
    blocks = [block for block in re.split(r"\n(?=[a-z0-9])", text) if not block.startswith("#")]
    assert len(blocks) == len(_pins(lock)) > 3
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_no_lock_names_an_index(lock: Path) -> None:
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", lock.read_text())


@pytest.mark.parametrize("name", ["app", "worker", "build"])
def test_smaller_locks_are_part_of_the_large_one(name: str) -> None:
    large = {(package, version) for package, version, _ in _pins(REQUIREMENTS / "dev.txt")}
    small = {(package, version) for package, version, _ in _pins(REQUIREMENTS / f"{name}.txt")}
    assert small <= large


def test_the_service_needs_no_tensorflow() -> None:
    packages = {package for package, _, _ in _pins(REQUIREMENTS / "app.txt")}
    assert not packages & {"tensorflow", "tensorflow-cpu", "keras", "h5py", "pillow"}


def test_no_lock_holds_both_builds_of_tensorflow_for_one_machine() -> None:
    gpu = {package for package, _, _ in _pins(REQUIREMENTS / "gpu.txt")}
    assert "tensorflow" in gpu
    assert "tensorflow-cpu" not in gpu
    worker = {package: marker for package, _, marker in _pins(REQUIREMENTS / "worker.txt")}
    assert worker["tensorflow-cpu"].strip() == "platform_machine == 'x86_64'"
    assert worker["tensorflow"].strip() == "platform_machine != 'x86_64'"


@pytest.mark.parametrize("name", ["scripts/setup.sh", "Dockerfile"])
def test_nothing_outside_the_lock_is_looked_for(name: str) -> None:
    """Left to resolve, pip before 23.3 tries the newest `coverage[toml]`, which has no hash."""
    text = (ROOT / name).read_text()
    found = re.findall(r"--require-hashes.*", text)
    assert found
    assert all("--no-deps" in line for line in found)
