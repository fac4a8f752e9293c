"""Raise the walls, then run a module: `python -m worker.runner.sandbox.enter POLICY MODULE ARGS...`

Runs in the child, before anything heavy is imported.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from worker.runner.sandbox import landlock, limits, seccomp
from worker.runner.sandbox.policy import DEVICES, Policy

MISSING = 78  # EX_CONFIG: a wall could not be raised


def enter(policy: Policy) -> None:
    """Restrict this process for good. Raises: OSError where a wall cannot be raised."""
    limits.apply_limits(policy)
    if sys.platform != "linux":  # a desk: the runner has warned, or refused to start
        return
    limits.be_the_first_to_go()
    limits.drop_capabilities()
    limits.close_to_others()
    if policy.landlock:
        landlock.restrict(policy.readable, policy.writable, DEVICES)
    if policy.seccomp:
        seccomp.restrict()


def main(arguments: list[str]) -> None:
    policy_path, module, *rest = arguments
    policy = Policy.from_json(Path(policy_path).read_text())
    parent = int(os.environ.pop("PRUNERY_RUNNER_PID"))
    limits.die_with_parent(parent)
    # The folder that holds our packages may not be listed later: find them now.
    import prunery  # noqa: F401
    import worker  # noqa: F401

    try:
        enter(policy)
    except OSError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        raise SystemExit(MISSING) from None
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
