"""The commands of docs/api.md do what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from examples import article_model

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
TOOLS = ("bash", "curl", "jq")


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
def test_every_block_runs(service_url: str, small_fashion: Path, tmp_path: Path) -> None:
    shutil.copy(article_model.FILE, tmp_path / "net.keras")
    shutil.copy(small_fashion, tmp_path / "data.npz")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 7
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={**os.environ, "URL": service_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "282160" in done.stdout
    assert "[true,282150,200,0.04" in done.stdout
    assert '["succeeded",true,1.0]' in done.stdout or '["succeeded",true,1]' in done.stdout
    assert '[422,"recipe_invalid","/recipe/trainning"]' in done.stdout
    assert '"is_terminal":true' in (tmp_path / "events.txt").read_text()
    assert (tmp_path / "smaller.keras").read_bytes()[:2] == b"PK"
    assert (tmp_path / "first100.bytes").stat().st_size == 100
    assert "<style" in (tmp_path / "report.html").read_text()
