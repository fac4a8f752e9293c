"""A child inside the walls has its workspace, its threads and its pipe, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.runner.sandbox import policy, probe, seccomp
from worker.runner.sandbox.enter import MISSING
from worker.runner.sandbox.policy import Policy

ESCAPE = Path(__file__).parent / "escape.py"


def start(tmp_path: Path, code: str, **rules: object) -> subprocess.CompletedProcess[str]:
    """Run Python code inside the walls, by way of a module that evaluates it."""
    workspace = tmp_path / "workspace"
    workspace.mkdir(exist_ok=True)
    made = Policy(
        readable=(*policy.code(), str(ESCAPE.parent)),
        writable=(str(workspace),),
        file_bytes=1 << 30,
        **rules,  # type: ignore[arg-type]
    )
    file = tmp_path / "policy.json"
    file.write_text(made.to_json())
    enter = ["-m", "worker.runner.sandbox.enter", str(file), "timeit", "-n1", "-r1", code]
    return subprocess.run(
        [sys.executable, "-I", "-B", *enter],
        env={"PRUNERY_RUNNER_PID": str(os.getpid()), "HOME": str(workspace)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def escape(tmp_path: Path) -> dict[str, dict[str, object]]:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o666)
    arguments = [str(ESCAPE), str(tmp_path / "workspace"), str(secret), str(os.getpid())]
    code = f"import sys,runpy; sys.argv={arguments!r}; runpy.run_path(sys.argv[0])"
    done = start(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert secret.read_text() == "secret"
    found: dict[str, dict[str, object]] = json.loads(done.stdout.partition("}}")[0] + "}}")
    return found


def test_this_machine_has_every_wall() -> None:
    walls = probe.walls()
    assert (walls.missing, walls.landlock, walls.seccomp) == ((), True, True)


def test_a_wall_that_this_python_does_not_start_inside_of_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As where site-packages lie in a place that nobody thought of.
    monkeypatch.setattr(policy, "code", lambda: policy.SYSTEM)
    walls = probe.walls.__wrapped__()
    assert walls.missing == ("landlock: this Python does not start inside it",)
    assert (walls.landlock, walls.seccomp) == (False, True)
    assert walls.layers == ("rlimits", "no capabilities", "seccomp")


def test_every_way_out_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "in the parent's environment")
    found = escape(tmp_path)
    assert [name for name, how in found["tried"].items() if how == "WORKED"] == []
    assert set(found["needed"].values()) == {True}


def test_memory_beyond_the_limit_is_refused_in_order(tmp_path: Path) -> None:
    done = start(tmp_path, "bytearray(1 << 30)", memory_bytes=1 << 29)
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_a_child_dies_with_its_runner(tmp_path: Path) -> None:
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import os, subprocess, sys\n"
        "os.environ['PRUNERY_RUNNER_PID'] = str(os.getpid())\n"
        "child = subprocess.Popen(sys.argv[1:])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    made = Policy(policy.code(), (str(tmp_path),), file_bytes=1 << 20)
    (tmp_path / "policy.json").write_text(made.to_json())
    command = [sys.executable, "-I", "-m", "worker.runner.sandbox.enter"]
    code = ["timeit", "-n1", "-r1", "print('in', flush=True); import time; time.sleep(60)"]
    with subprocess.Popen(
        [sys.executable, str(runner), *command, str(tmp_path / "policy.json"), *code],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert process.stdout.readline().strip() == "in"
        process.kill()
    deadline = time.monotonic() + 5
    while _alive(pid):
        assert time.monotonic() < deadline, "the engine outlived its runner"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_required_wall_that_is_missing_stops_the_engine(tmp_path: Path) -> None:
    # A kernel takes 16 layers of Landlock: the next one fails, as each does where it is missing.
    made = Policy(policy.code(), (str(tmp_path),), file_bytes=1 << 20)
    (tmp_path / "policy.json").write_text(made.to_json())
    code = (
        "import os, sys\n"
        "from worker.runner.sandbox import enter, landlock, limits\n"
        "limits.close_to_others()\n"
        "[landlock.restrict(('/',), (), ()) for _ in range(16)]\n"
        "os.environ['PRUNERY_RUNNER_PID'] = str(os.getppid())\n"
        "enter.main([sys.argv[1], 'timeit', \"print('ran')\"])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "policy.json")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (MISSING, "")
    assert done.stderr.startswith("sandbox: ")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_fits_the_kernels_bounds(machine: str) -> None:
    code = seccomp.assemble(machine, 1234)
    assert len(code) % 8 == 0
    assert len(code) // 8 < 4096
