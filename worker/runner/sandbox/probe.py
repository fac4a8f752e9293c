"""Which walls stand on this machine: what the kernel has, and what this Python starts inside of."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from worker.runner.sandbox import landlock, policy, seccomp

# Landlock learned to refuse TCP with its fourth ABI; seccomp refuses sockets anyway.
FULL_LANDLOCK = 3
REHEARSAL = "worker.runner.sandbox.rehearsal"
REHEARSAL_SECONDS = 60


class Walls(NamedTuple):
    """`layers` are in force for every engine; `missing` says what is not, and why."""

    layers: tuple[str, ...]
    missing: tuple[str, ...]
    landlock: bool = True
    seccomp: bool = True

    def describe(self) -> str:
        """One line for the log and the report."""
        there = "+".join(self.layers)
        return f"{there} (missing: {', '.join(self.missing)})" if self.missing else there


@functools.cache
def walls() -> Walls:
    """Ask the kernel, then start a child inside; once per process."""
    missing: list[str] = []
    abi = landlock.version()
    if abi == 0:
        missing.append("landlock: not in this kernel, or switched off")
    elif abi < FULL_LANDLOCK:
        missing.append(f"landlock {FULL_LANDLOCK}: this kernel has {abi}")
    has_seccomp = seccomp.available()
    if not has_seccomp:
        missing.append("seccomp: not in this kernel, or unknown architecture")
    files, calls = _standing(abi > 0, has_seccomp)
    for name, had, stands in (("landlock", abi > 0, files), ("seccomp", has_seccomp, calls)):
        if had and not stands:
            missing.append(f"{name}: this Python does not start inside it")
    layers = ["rlimits", "no capabilities"] if sys.platform == "linux" else ["rlimits"]
    layers += [f"landlock {abi}"] if files else []
    layers += ["seccomp"] if calls else []
    return Walls(tuple(layers), tuple(missing), files, calls)


def _standing(has_landlock: bool, has_seccomp: bool) -> tuple[bool, bool]:
    """Which of the walls a child gets started inside of; as many as can be."""
    for files, calls in ((True, True), (False, True), (True, False)):
        if (files and not has_landlock) or (calls and not has_seccomp):
            continue
        if _rehearse(files, calls):
            return files, calls
    return False, False


def _rehearse(files: bool, calls: bool) -> bool:
    """Start a child inside these walls that imports what an engine imports first."""
    with tempfile.TemporaryDirectory(prefix="prunery-walls-") as folder:
        rules = policy.Policy(
            readable=policy.code(),
            writable=(folder,),
            file_bytes=1 << 20,
            landlock=files,
            seccomp=calls,
        )
        path = Path(folder) / "policy.json"
        path.write_text(rules.to_json())
        enter = ["-m", "worker.runner.sandbox.enter", str(path), REHEARSAL]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                [sys.executable, "-I", "-B", *enter],
                env={"PRUNERY_RUNNER_PID": str(os.getpid()), "HOME": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=REHEARSAL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0
