"""What the service says in English is told in the reader's language, the values in their places."""

from __future__ import annotations

import re

from prunery.reports.language import load
from prunery.reports.phrases import FEW_LETTERS, Phrase, phrases, plain, tell

RUSSIAN = load("ru")
EVERY = phrases("ru")


def test_every_phrase_is_recognised() -> None:
    assert [phrase.template for phrase in EVERY if not _is_recognised(phrase)] == []


def _is_recognised(phrase: Phrase) -> bool:
    names = re.findall(r"%\((\w+)\)s", phrase.template)
    # What a phrase of few fixed letters quotes is a phrase, too.
    quoted = "a virtual dataset" if phrase.letters < FEW_LETTERS else "conv-1"
    told = plain(quoted, RUSSIAN)
    said = phrase.template % dict.fromkeys(names, quoted)
    return plain(said, RUSSIAN) == phrase.translation % dict.fromkeys(names, told)


def test_quoted_sentences_are_told_in_turn() -> None:
    said = "y: expected labels of shape (3), found 4 classes."
    assert plain(said, RUSSIAN) == "y: ожидаются ответы формы (3); в файле: классов: 4."


def test_sentences_in_a_row_are_told_one_by_one() -> None:
    said = "mean.1 takes a mean over it. Set approximate: true to prune it anyway; outputs then"
    said += " change a little."
    assert plain(said, RUSSIAN).startswith("mean.1 берёт среднее по этой оси. Чтобы всё же убрать")


def test_a_sentence_that_another_phrase_quotes_is_told_with_it() -> None:
    said = "The model does no better than guessing on examples it has not seen. Nothing was removed"
    told = plain(said + " from it.", RUSSIAN)
    assert "новых примерах модель отвечает" in told
    assert told.endswith("Из неё ничего не убрано.")


def test_alternatives_begin_small() -> None:
    assert plain("Write a number. Or write true or false.", RUSSIAN) == (
        "Напишите число. Или напишите true или false."
    )


def test_lists_are_told_piece_by_piece() -> None:
    said = "fresh weights, the model's own rate: 0.9; fresh weights, rate falling to zero: 0.8"
    assert plain(said, RUSSIAN) == (
        "свежие веса, скорость обучения самой модели: 0.9; "
        "свежие веса, скорость обучения падает до нуля: 0.8"
    )
    assert plain("red, fresh weights", RUSSIAN) == "red, fresh weights"


def test_unknown_sentence_stays_marked_as_english() -> None:
    said = tell("It cannot be removed. <Nobody> knows.", RUSSIAN)
    assert "нельзя убрать. <span" in said
    assert said.endswith(' <span lang="en">&lt;Nobody&gt; knows.</span>')


def test_english_reader_gets_the_sentence_itself() -> None:
    assert tell("It cannot be removed.", load("en")) == "It cannot be removed."
    assert tell(None, load("en")) == ""
