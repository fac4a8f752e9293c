"""Importing TensorFlow leaves the garbage collector at work, and nothing to look at behind; what
Keras skips when it saves or loads is found once."""

from __future__ import annotations

import gc

from keras.src.saving import saving_lib

from worker.engine import libraries


def test_the_collector_is_at_work_again_and_spares_what_was_imported() -> None:
    gc.unfreeze()
    libraries.load()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000


def test_what_keras_skips_is_found_once() -> None:
    libraries.mend_saving()
    found = saving_lib.get_attr_skipset("Layer")
    assert {"name", "_tracker"} <= found
    assert saving_lib.get_attr_skipset("Layer") is found
