"""Limits that every Unix has, and the process flags that come before Landlock and seccomp."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.runner.sandbox.policy import Policy

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def apply_limits(policy: Policy) -> None:
    """Set rlimits, hard ones too: they cannot be raised again."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: policy.file_bytes,
        resource.RLIMIT_NOFILE: policy.open_files,
        # Not RLIMIT_AS: TensorFlow reserves 2 GB of addresses before any work.
        resource.RLIMIT_DATA: policy.memory_bytes,
        resource.RLIMIT_CPU: policy.cpu_seconds,
    }
    for name, value in wanted.items():
        if value is None:
            continue
        hard = resource.getrlimit(name)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(name, (value, value))


def be_the_first_to_go() -> None:
    """When the machine runs out of memory, the engine is ended, and not its runner."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def die_with_parent(parent: int) -> None:
    """Be killed when the thread that started this process ends; end now if it has already."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("The runner is gone.")


def close_to_others() -> None:
    """No debugger, no core dump, no new privileges by any later step."""
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability: root then owns files but commands nothing."""
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_LAST_CAPABILITY + 1):
        # EINVAL: the kernel knows no such one; EPERM: an ordinary user has none to drop.
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    nothing = (_Data * 2)()
    if libc.capset(ctypes.byref(header), ctypes.byref(nothing)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
