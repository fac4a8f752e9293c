"""The command that a report carries makes the same bytes again."""

from __future__ import annotations

import shlex
import shutil
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prunery.cli import build
from prunery.specs.datasets import DatasetOptions
from tests.engine import jobs
from worker.local import commands as local


def test_the_command_in_a_report_makes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train = jobs.blobs(240)
    columns = [f"c{i}" for i in range(7)]
    rows = [",".join(["kind", *columns])]
    for x, y in zip(train.x["x"], train.y["y"], strict=True):
        rows.append(",".join([f"k{y}", *(f"{value:.6g}" for value in x), "0.5"]))
    (tmp_path / "my table.csv").write_text("\n".join(rows))
    jobs.net().save(tmp_path / "net.keras")
    options = DatasetOptions(
        label_column="kind", feature_columns=tuple(columns[:6]), test_fraction=0.3, seed=5
    )
    recipe = {"objective": {}, "schedule": {"rounds": 1}, "training": {"epochs": 2}, "seed": 4}
    first = local.prune(
        Path("net.keras"), Path("my table.csv"), recipe, tmp_path / "first", options
    )
    # The classes go by the names that the table gives them.
    assert [row.name for row in first.comparison.per_class] == ["k0", "k1", "k2"]
    shutil.copy(tmp_path / "first" / "report.json", tmp_path / "report.json")
    program, *arguments = shlex.split(first.method.command)
    assert program == "prunery"
    result = CliRunner().invoke(build(), arguments)
    assert result.exit_code == 0, result.output
    for name in ("model.keras", "ticket.npz", "levels/1/model.keras"):
        assert members(tmp_path / "first" / name) == members(tmp_path / "again" / name)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
