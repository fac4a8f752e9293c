"""What an engine may read, write and use. Travels as JSON from the runner to the child."""

from __future__ import annotations

import dataclasses
import json
import sys
import sysconfig
from pathlib import Path

# Nothing else of /proc: a process of the same user could read /proc/<parent>/environ there.
SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


@dataclasses.dataclass(frozen=True)
class Policy:
    """Paths are absolute. Sizes are bytes; None sets no limit.

    landlock, seccomp: which of the two walls to raise; one that cannot be raised ends the child.
    """

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    file_bytes: int
    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    open_files: int = 1024
    landlock: bool = True
    seccomp: bool = True

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Policy:
        fields = json.loads(text)
        fields["readable"] = tuple(fields["readable"])
        fields["writable"] = tuple(fields["writable"])
        return cls(**fields)


def code() -> tuple[str, ...]:
    """What the interpreter itself must read: its own files, site-packages and our packages."""
    import prunery
    import worker

    paths = sysconfig.get_paths()
    ours = [str(Path(package.__path__[0])) for package in (prunery, worker)]
    interpreter = [sys.prefix, sys.base_prefix, sys.exec_prefix]
    libraries = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    # A .pth file may bring in the packages of another environment.
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    wanted = dict.fromkeys(
        [*SYSTEM, *interpreter, *libraries, *packages, *ours, *_shared_libraries()]
    )
    # A Python whose prefix is the root would open everything.
    return tuple(path for path in wanted if path != "/")


def _shared_libraries() -> list[str]:
    """Folders of the shared libraries in use: not every system keeps libc below /usr or /lib."""
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return []
    files = {line.partition("/")[2] for line in maps.splitlines() if ".so" in line}
    return sorted({str(Path("/" + file).parent) for file in files if file})
