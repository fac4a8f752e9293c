"""Importing TensorFlow leaves the garbage collector at work, and nothing to look at behind."""

from __future__ import annotations

import gc

from worker.engine import libraries


def test_the_collector_is_at_work_again_and_spares_what_was_imported() -> None:
    gc.unfreeze()
    libraries.load()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
