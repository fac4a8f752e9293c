"""The transition table is whole, and its page in docs is the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core import settings, states
from prunery.specs.errors import PruneryError
from prunery.specs.job import TERMINAL, Status

DOCS = Path(__file__).parents[3] / "docs"


def test_no_way_leads_out_of_a_final_status_and_every_other_has_one() -> None:
    left = {step.source for step in states.TRANSITIONS}
    assert not left & TERMINAL
    assert left | TERMINAL == set(Status)


def test_every_status_but_the_first_can_be_reached() -> None:
    assert {step.target for step in states.TRANSITIONS} == set(Status)


def test_an_impossible_step_is_named() -> None:
    states.check("queued", Status.CANCELLED)
    with pytest.raises(PruneryError) as caught:
        states.check("succeeded", Status.CANCELLED)
    assert caught.value.code == "transition_impossible"


def test_docs_are_generated_from_the_code() -> None:
    assert (DOCS / "states.md").read_text() == states.document()
    assert (DOCS / "settings.md").read_text() == settings.document()
