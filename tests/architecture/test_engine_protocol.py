"""Every event has an example in the docs, and every example is an event."""

from __future__ import annotations

import re
import typing
from pathlib import Path

from prunery.specs import events
from worker.runner.sandbox.enter import MISSING
from worker.runner.supervise import INTERRUPTED

PAGE = (Path(__file__).parents[2] / "docs" / "engine-protocol.md").read_text()


def test_every_event_has_an_example_that_parses() -> None:
    examples = re.findall(r"^\| `(\w+)` \| `(\{.*?\})` \|", PAGE, re.MULTILINE)
    for name, line in examples:
        assert events.parse(line).type == name
    union = typing.get_args(typing.get_args(events.Event)[0])
    assert {name for name, _ in examples} == {kind.model_fields["type"].default for kind in union}


def test_exit_codes_are_those_of_the_code() -> None:
    from worker.engine.__main__ import STOPPED

    assert INTERRUPTED == STOPPED
    assert f"exit {INTERRUPTED} |" in PAGE
    assert f"exit {MISSING} |" in PAGE
