"""Run as the walled-in child: try everything that must not work, print what happened as JSON."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
workspace, secret, parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def call(number: int, *arguments: int) -> int:
    """A system call past Python and libc's wrappers."""
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def write_through_link() -> None:
    (workspace / "link").symlink_to(secret)
    (workspace / "link").write_text("changed")


def big_file() -> None:
    with (workspace / "big").open("wb") as file:
        file.truncate(1 << 40)


def unix_socket() -> None:
    socket.socketpair()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "tcp": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    "unix socket": unix_socket,
    "abstract socket": lambda: socket.socket(socket.AF_UNIX).connect("\0x"),
    "read shadow": lambda: Path("/etc/shadow").read_text(),
    "read passwd": lambda: Path("/etc/passwd").read_text(),
    "read secret": secret.read_text,
    "read by /proc/self/root": lambda: Path("/proc/self/root/etc/passwd").read_text(),
    "read by /proc/self/cwd": lambda: Path("/proc/self/cwd/pyproject.toml").read_text(),
    "read by dots": lambda: (workspace / ".." / "secret").read_text(),
    "list root": lambda: list(Path("/").iterdir()),
    "list the repository": lambda: list(Path(sys.prefix).parent.iterdir()),
    "parent's environ": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
    "own environ": lambda: "SECRET" in os.environ and None,
    "parent's memory": lambda: Path(f"/proc/{parent}/mem").read_bytes(),
    "write outside": lambda: secret.write_text("changed"),
    "write in temp": lambda: Path("/tmp/escaped").write_text("x"),
    "truncate outside": lambda: os.truncate(secret, 0),
    "chmod outside": lambda: secret.chmod(0o777),
    "touch outside": lambda: os.utime(secret),
    "chown inside": lambda: os.chown(workspace, 1, 1),
    "rename out": lambda: (workspace / "mine").rename(secret.parent / "mine"),
    "hard link in": lambda: (workspace / "stolen").hardlink_to(secret),
    "write through link": write_through_link,
    "make a pipe": lambda: os.mkfifo(workspace / "pipe"),
    "unlink outside": secret.unlink,
    "write own code": lambda: Path(json.__file__).write_text("x"),
    "fork": fork,
    "vfork": lambda: call(58) if os.uname().machine == "x86_64" else fork(),
    "fork by clone": lambda: (
        call(56, signal.SIGCHLD, 0, 0, 0, 0) if os.uname().machine == "x86_64" else fork()
    ),
    "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "kill parent": lambda: os.kill(parent, signal.SIGTERM),
    "probe parent": lambda: os.kill(parent, 0),
    "thread kill parent": lambda: libc_call("tgkill", parent, parent, signal.SIGTERM),
    "pidfd": lambda: os.pidfd_open(parent),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 50, 1 << 50)),
    "parent's limits": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
    "renice parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 5),
    "big file": big_file,
    "become root again": lambda: os.setresuid(1, 1, 1),
    "mount": lambda: libc_call("mount", None, None, None, 0, None),
    "unshare": lambda: libc_call("unshare", 0x10000000),
    "ptrace": lambda: libc_call("ptrace", 16, parent, 0, 0),
    "io_uring": lambda: call(425, 1, 0),
    "bpf": lambda: call(321 if os.uname().machine == "x86_64" else 280, 0, 0, 0),
    "x32 call": lambda: call(0x40000000 | 41, 2, 1, 0),
}


def libc_call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def attempt(action: Callable[[], object]) -> str:
    try:
        result = action()
    except OSError as error:
        return error.__class__.__name__
    except ValueError as error:  # setrlimit says it so
        return error.__class__.__name__
    return "denied" if result is False else "WORKED"


def needed() -> dict[str, bool]:
    """What an engine cannot do without."""
    (workspace / "mine").write_text("x")
    ran: list[int] = []
    thread = threading.Thread(target=lambda: ran.append(1))
    thread.start()
    thread.join()
    return {
        "write": (workspace / "mine").read_text() == "x",
        "thread": ran == [1],
        "own limits": resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
        "random": len(os.urandom(8)) == 8,
        "no inherited files": len(list(Path("/proc/self/fd").iterdir())) <= 4,
    }


signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
done = {"needed": needed(), "tried": {name: attempt(action) for name, action in ATTEMPTS.items()}}
sys.stdout.write(json.dumps(done))
