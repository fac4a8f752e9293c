"""The API starts fast and without the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("tensorflow", "keras", "h5py", "celery", "kombu", "PIL", "onnx", "worker")
PROBE = f"""
import json, sys, time
began = time.process_time()
import app.main
taken = time.process_time() - began
print(json.dumps([taken, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def test_app_starts_in_under_two_seconds_without_the_engine() -> None:
    # Seconds of this process's own processor time: the machine may be busy with other tests.
    output = subprocess.run(
        [sys.executable, "-c", PROBE], check=True, capture_output=True, text=True
    ).stdout
    seconds, loaded = json.loads(output)
    assert loaded == []
    assert seconds < 2
