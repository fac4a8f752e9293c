"""What a child imports to show that a Python works inside the walls: compiled parts of each kind.

TensorFlow itself takes seconds and lies where these lie.
"""

from __future__ import annotations

import importlib

for name in ("pydantic", "numpy", "h5py", "PIL.Image", "prunery.specs.job", "worker.engine"):
    importlib.import_module(name)
