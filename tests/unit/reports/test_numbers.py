"""Numbers read naturally in both languages, and no gain is rounded up."""

from __future__ import annotations

import pytest

from prunery.reports.language import load
from prunery.reports.numbers import Numbers

EN, RU = Numbers(load("en")), Numbers(load("ru"))
NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("ratio", "digits", "english", "russian"),
    [
        (11.49, 2, "11 times", "11 раз"),
        (11.49, 3, "11.4 times", "11,4 раза"),
        (1.999, 2, "1.9 times", "1,9 раза"),
        (5.0, 2, "5 times", "5 раз"),
        (2.0, 3, "2 times", "2 раза"),
        (21.2, 2, "21 times", "21 раз"),
        (0.0, 2, "0 times", "0 раз"),
    ],
)
def test_times_are_rounded_down_and_agree_with_their_word(
    ratio: float, digits: int, english: str, russian: str
) -> None:
    assert EN.times(ratio, digits).replace(NBSP, " ") == english
    assert RU.times(ratio, digits).replace(NBSP, " ") == russian


@pytest.mark.parametrize(
    ("size", "english", "russian"),
    [
        (4_680_000, "4.68 MB", "4,68 МБ"),
        (412_000, "0.412 MB", "0,412 МБ"),
        (52_100, "52.1 kB", "52,1 кБ"),
        (999, "999 bytes", "999 байт"),
        (1, "1 byte", "1 байт"),
        (3_210_000_000, "3.21 GB", "3,21 ГБ"),
    ],
)
def test_bytes_are_decimal_with_three_digits(size: int, english: str, russian: str) -> None:
    assert EN.bytes(size).replace(NBSP, " ") == english
    assert RU.bytes(size).replace(NBSP, " ") == russian


def test_russian_percent_has_a_comma_and_a_space_that_does_not_break() -> None:
    assert RU.percent(0.965) == f"96,5{NBSP}%"
    assert EN.percent(0.965) == "96.5%"


def test_minus_is_a_minus_sign_and_zero_has_none() -> None:
    assert EN.signed(-3) == "\u22123"
    assert EN.signed(3) == "+3"
    assert EN.signed(-0.04, 1) == "0.0"
    assert "-" not in RU.decimal(-1234.5, 1)


def test_points_are_not_shaved_by_binary_fractions() -> None:
    assert EN.points(0.003).replace(NBSP, " ") == "0.3 points"
    assert RU.points(0.003).replace(NBSP, " ") == "0,3 пункта"
    assert EN.points(0.01).replace(NBSP, " ") == "1 point"
    assert RU.points(0.05).replace(NBSP, " ") == "5 пунктов"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "10 seconds"), (61, "2 minutes"), (1190, "20 minutes"), (3700, "1 hour 15 minutes")],
)
def test_time_left_is_rounded_up_to_what_can_be_promised(seconds: float, words: str) -> None:
    assert EN.time_left(seconds) == words


@pytest.mark.parametrize(
    ("least", "most", "english", "russian"),
    [
        (5, 20, "less than half a minute", "меньше полуминуты"),
        (20, 90, "about 20 seconds to 2 minutes", "примерно от 20 секунд до 2 минут"),
        (52, 58, "about 50 seconds to 1 minute", "примерно от 50 секунд до 1 минуты"),
        (180, 480, "about 3 to 8 minutes", "примерно от 3 до 8 минут"),
        (1000, 1250, "about 15 to 25 minutes", "примерно от 15 до 25 минут"),
        (4000, 75_000, "about 1 to 25 hours", "примерно от 1 до 25 часов"),
        (80_000, 160_000, "about 20 to 50 hours", "примерно от 20 до 50 часов"),
        (7200, 7200, "about 2 hours", "около 2 часов"),
        (170_000, 400_000, "about 40 hours to 5 days", "примерно от 40 часов до 5 дней"),
    ],
)
def test_a_range_of_time_is_as_rough_as_it_is_known(
    least: float, most: float, english: str, russian: str
) -> None:
    assert EN.between(least, most).replace(NBSP, " ") == english
    assert RU.between(least, most).replace(NBSP, " ") == russian


def test_tiny_differences_are_powers_of_ten() -> None:
    assert EN.significant(3.3e-16, 2) == f"3.3{NBSP}×{NBSP}10⁻¹⁶"
    assert EN.significant(0) == "0"
    assert EN.significant(float("inf")) == "–"
