"""A recipe's findings in the form's words: labels for its fields, list entries for its values.

A script reads `Goes with granularity "block"`; a person sees a field "What is removed" with an
entry "blocks of weights", and is told so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.web import fields
from app.web.labels import labels
from app.web.options import Options, options
from prunery.reports.language import Language

_FIELDS = {
    **{".".join(field.path): name for name, field in fields.BY_NAME.items()},
    **{field.path[-1]: name for name, field in fields.BY_NAME.items() if "_" in field.path[-1]},
    "initial_model": "initial",
    "label_column": "label_column",
    "objective": "objective",
}
# Words of the language before they are fields: only the whole path means the field.
_ORDINARY = ("more", "scope", "start", "seed", "approximate")
_WORDS = sorted((word for word in _FIELDS if word not in _ORDINARY), key=len, reverse=True)
_TOKEN = re.compile(
    rf"(?<![\w.])(?:recipe\.)?(?P<field>{'|'.join(map(re.escape, _WORDS))})(?![\w.]*\w)"
    r"|(?P<plain>start|scope)(?= (?:to )?\")|(?P<stop>[:;])"
    r"|\"(?P<value>[^\"\s]+(?: \w+)?)\"|(?<![\w.])(?P<bare>null|true|false|\[\])(?!\w)"
)


@dataclass
class _Speaker:
    """Tells one message; `field` is what values belong to: at first the finding's own."""

    language: Language
    names: Mapping[str, str]
    lists: Mapping[str, Options]
    own: str
    field: str

    def __call__(self, found: re.Match[str]) -> str:
        if found["stop"]:  # what is to be written behind it goes into the finding's own field
            self.field = self.own
            return found[0]
        if named := found["field"] or found["plain"]:
            self.field = _FIELDS[named]
            name = self.names.get(self.field)
            return found[0] if name is None else self._quoted(name)
        value = found["value"] or {"true": "yes", "false": "no"}.get(found["bare"], found["bare"])
        entries = dict(self.lists.get(self.field, ()))
        if value in entries:
            return self._quoted(entries[value])
        if value == "[]" and self.field == "controls":
            return self._quoted(self.language.gettext("None"))
        if value in ("auto", "from model", "null"):
            return self._nothing()
        return found[0]

    def _nothing(self) -> str:
        if self.field in self.lists:
            return self._quoted(self.language.gettext("as the choice above says"))
        return self.language.gettext("nothing")

    def _quoted(self, words: str) -> str:
        return self.language.gettext("“%(words)s”", words=words)


def in_words(message: str, language: Language, field: str) -> str:
    """`message` of a finding about `field`, already in the reader's language."""
    names = {**labels(language), "objective": language.gettext("How small, and how good")}
    told = _TOKEN.sub(_Speaker(language, names, options(language), field, field), message)
    say = language.gettext
    write, choose, quote = say("write"), say("choose"), say("“%(words)s”")[0]
    return told.replace(f"{write} {quote}", f"{choose} {quote}")  # a list is not written into
