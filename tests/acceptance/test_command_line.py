"""The `prunery` command against a running service, as a person types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

from examples import article_model

SHORT = ("--set", "training.epochs=1", "--set", "training.retrain_epochs=1", "--set", "controls=[]")


def _prunery(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prunery", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_a_model_is_pushed_pruned_listed_and_fetched(
    service_url: str, small_fashion: Path, tmp_path: Path
) -> None:
    pushed = _prunery("push", article_model.FILE, "--server", service_url, "--json")
    assert pushed.returncode == 0, pushed.stderr
    model = json.loads(pushed.stdout)
    assert model["status"] == "ready"
    assert model["summary"]["parameters"] == article_model.PARAMETERS

    out = tmp_path / "out"
    pruned = _prunery(
        *("prune", model["id"], small_fashion, "--preset", "article", *SHORT),
        *("--out", out, "--name", "short", "--server", service_url),
    )
    assert pruned.returncode == 0, pruned.stderr
    assert pruned.stderr == ""
    assert "282,160" in pruned.stdout
    assert "level 1 of 1" in pruned.stdout
    assert {path.name for path in out.iterdir()} == {
        "model.keras",
        "report.html",
        "report.json",
        "certificate.json",
    }
    report = json.loads((out / "report.json").read_text())
    assert report["compact"]["parameters"] <= article_model.PARAMETERS / 2

    listed = _prunery("jobs", "--server", service_url, "--json")
    job = next(job for job in json.loads(listed.stdout) if job["name"] == "short")
    assert job["status"] == "succeeded"

    fetched = _prunery("get", job["id"], "all.zip", "--out", tmp_path, "--server", service_url)
    assert fetched.returncode == 0, fetched.stderr
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert "manifest.json" in archive.namelist()

    watched = _prunery("watch", job["id"], "--server", service_url)
    assert watched.returncode == 0
    assert "succeeded" in watched.stdout


def test_a_failed_job_exits_1_with_its_problem_alone_on_stderr(
    service_url: str, small_fashion: Path, tmp_path: Path
) -> None:
    failed = _prunery(
        *("prune", article_model.FILE, small_fashion, "--preset", "article", *SHORT),
        *("--set", "deadline_seconds=1", "--set", "training.epochs=1000"),
        *("--out", tmp_path / "out", "--server", service_url),
    )
    assert failed.returncode == 1
    assert json.loads(failed.stderr)["code"] == "deadline_exceeded"
    assert not (tmp_path / "out").exists()


def _hear_ctrl_c() -> None:
    """A suite that a shell runs in the background is deaf to it, and so are its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_the_job_running_and_says_how_to_stop_it(
    service_url: str, small_fashion: Path
) -> None:
    arguments = ("prune", str(article_model.FILE), str(small_fashion), "--server", service_url)
    endless = ("--preset", "article", "--set", "training.epochs=1000")
    command = [sys.executable, "-m", "prunery", *arguments, *endless]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=_hear_ctrl_c
    ) as waiting:
        assert waiting.stdout is not None
        job = next(line for line in waiting.stdout if line.startswith("job ")).split()[1]
        next(waiting.stdout)  # it is being followed
        waiting.send_signal(signal.SIGINT)
        rest = waiting.stdout.read()
    assert waiting.returncode == 130
    assert f"prunery cancel {job}" in rest
    cancelled = _prunery("cancel", job, "--server", service_url)
    assert cancelled.stdout.strip() in ("cancelling", "cancelled")
    watched = _prunery("watch", job, "--server", service_url)
    assert watched.returncode == 1
    assert "cancelled" in json.loads(watched.stderr)["detail"]


def test_a_recipe_that_makes_no_sense_is_wrong_usage(
    service_url: str, small_fashion: Path, tmp_path: Path
) -> None:
    refused = _prunery(
        *("prune", article_model.FILE, small_fashion, "--set", "training.epochs=-1"),
        *("--out", tmp_path, "--server", service_url),
    )
    assert refused.returncode == 2
    problem = json.loads(refused.stderr)
    assert problem["code"] == "recipe_invalid"
    assert any("training/epochs" in error["pointer"] for error in problem["errors"])


def test_a_zip_in_the_models_place_is_sent_as_a_model(
    service_url: str, small_fashion: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.writestr("net.json", "{}")
    refused = _prunery("prune", tmp_path / "net.zip", small_fashion, "--server", service_url)
    assert refused.returncode == 1
    assert "nor one .h5 file with its architecture" in json.loads(refused.stderr)["detail"]


def test_the_label_column_of_a_table_is_asked_for_and_taken(
    service_url: str, tmp_path: Path
) -> None:
    table = tmp_path / "sales.tsv"
    table.write_text("a\tb\tc\n" + "".join(f"{i}\t{i % 5}\t{i % 3}\n" for i in range(60)))
    unclear = _prunery("push", table, "--server", service_url)
    assert unclear.returncode == 1
    assert json.loads(unclear.stderr)["code"] == "csv_label_ambiguous"
    named = _prunery("push", table, "--label-column", "c", "--server", service_url, "--json")
    assert named.returncode == 0, named.stderr
    assert json.loads(named.stdout)["summary"]["labels"][0]["classes"] == ["0", "1", "2"]


def test_wrong_usage_exits_2_and_says_how_to_use_it() -> None:
    wrong = _prunery("prune", "nowhere.keras", "nowhere.npz")
    assert wrong.returncode == 2
    assert "prunery prune [OPTIONS]" in wrong.stderr
    assert "no such file" in wrong.stderr


def test_a_server_that_is_not_there_exits_1_and_says_what_to_do() -> None:
    refused = _prunery("jobs", "--server", "http://127.0.0.1:9")
    assert refused.returncode == 1
    assert "prunery up" in json.loads(refused.stderr)["hint"]
