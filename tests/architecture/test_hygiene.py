"""Nothing half done, and nothing of anybody's own machine, is in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIXES = {".py", ".md", ".toml", ".yml", ".sh", ".html", ".css", ".js", ".txt", ""}
HERE = Path(__file__).name


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.suffix in SUFFIXES and path.is_file()]


@pytest.mark.parametrize(
    "word",
    [
        r"\bTODO\b",
        r"\bFIXME\b",
        r"\bXXX\b",
        "raise NotImplementedError",
        r"\bunittest\.mock\b|\bMagicMock\b",
        "fakeredis",
        r"(?<![\w/.])/(?:work|root|home)/\w",
        r"\bpypi\.org\b|\bfiles\.pythonhosted\b|\bregistry\.npmjs\b|\bdeb\.debian\b",
    ],
)
def test_nothing_unfinished_or_private_is_tracked(word: str) -> None:
    pattern = re.compile(word)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _tracked()
        if path.name != HERE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_no_file_is_large_but_the_sample() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    large = {
        name
        for name in listed.split("\0")
        if name and (ROOT / name).is_file() and (ROOT / name).stat().st_size > 1_500_000
    }
    assert large == {"examples/fashion_mnist/fashion_mnist_sample.npz"}
