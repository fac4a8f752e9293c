"""The committed allow-list is that of the installed Keras."""

from __future__ import annotations

import keras

from prunery.screening import allowlist
from scripts import allowlist as installed


def test_the_allow_list_is_that_of_the_installed_keras() -> None:
    """After a Keras upgrade a person runs scripts.allowlist and reads the difference."""
    assert installed.TARGET.read_text() == installed.text()


def test_every_class_of_the_allow_list_is_found_by_keras_under_its_name() -> None:
    for (module, name), kind in allowlist.kinds().items():
        found = keras.src.api_export.get_symbol_from_name(f"{module}.{name}")
        if found is None:
            found = getattr(__import__(module, fromlist=[name]), name)
        assert isinstance(found, type) or kind not in ("layer", "model", "operation")
