"""Which walls this machine has, asked without raising any."""

from __future__ import annotations

from typing import NamedTuple

from worker.runner.sandbox import landlock, seccomp

# Landlock learned to refuse TCP with its fourth ABI; seccomp refuses sockets anyway.
FULL_LANDLOCK = 3


class Walls(NamedTuple):
    """`layers` are in force for every engine; `missing` says what is not, and why."""

    layers: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing

    def describe(self) -> str:
        """One line for the log and the report."""
        there = "+".join(self.layers)
        return f"{there} (missing: {', '.join(self.missing)})" if self.missing else there


def walls() -> Walls:
    layers, missing = ["rlimits", "no capabilities"], []
    abi = landlock.version()
    if abi == 0:
        missing.append("landlock: not in this kernel, or switched off")
    else:
        layers.append(f"landlock {abi}")
        if abi < FULL_LANDLOCK:
            missing.append(f"landlock {FULL_LANDLOCK}: this kernel has {abi}")
    if seccomp.available():
        layers.append("seccomp")
    else:
        missing.append("seccomp: not in this kernel, or unknown architecture")
    return Walls(tuple(layers), tuple(missing))
