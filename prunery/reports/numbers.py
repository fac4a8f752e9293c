"""Numbers as people read them. Pages and reports print a number through these, or not at all.

A gain is never rounded up: `times` and `share_smaller` round towards no gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal

from prunery.reports.language import Language

NBSP = "\u00a0"
MINUS = "\u2212"
NOTHING = "–"
"""What is printed for a figure that came out as no number."""


@dataclass(frozen=True)
class Numbers:
    """The number filters of one language."""

    language: Language

    def integer(self, value: float) -> str:
        """1,166,188."""
        return self._decimal(_round(value, 0), 0)

    def decimal(self, value: float, decimals: int = 3) -> str:
        """A number with exactly this many decimals."""
        return self._decimal(_round(value, decimals), decimals)

    def significant(self, value: float, digits: int = 3) -> str:
        """A number with this many significant digits, whole above them; tiny ones as powers."""
        if value == 0 or not math.isfinite(value):
            return "0" if value == 0 else NOTHING
        if abs(value) < 1e-4:
            return self.power(value)
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return self._decimal(_round(value, decimals), decimals)

    def short(self, value: float) -> str:
        """A round number without trailing zeros, for axes."""
        if value == 0 or not math.isfinite(value):
            return "0" if value == 0 else NOTHING
        decimals = max(0, 2 - math.floor(math.log10(abs(value))))
        number = _round(value, decimals).normalize()
        return self._plain(number)

    def power(self, value: float) -> str:
        """1.9 × 10⁻⁶, for differences that rounding makes."""
        if value == 0:
            return "0"
        exponent = math.floor(math.log10(abs(value)))
        raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{self.decimal(value / 10**exponent, 1)}{NBSP}×{NBSP}10{raised}"

    def percent(self, value: float, decimals: int = 1) -> str:
        """0.965 as 96.5%."""
        number = self._decimal(_round(value * 100, decimals), decimals)
        return self.language.pgettext("percent", "%(number)s%%") % {"number": number}

    def signed(self, value: float, decimals: int = 0) -> str:
        """+5 or −3; zero has no sign."""
        text = self.decimal(abs(value), decimals)
        if _round(value, decimals) == 0:
            return text
        return ("+" if value > 0 else MINUS) + text

    def bytes(self, size: float) -> str:
        """Decimal units, three digits: 4.68 MB, 52.1 kB."""
        units = (
            (1e9, self.language.pgettext("unit", "GB")),
            (1e5, self.language.pgettext("unit", "MB")),
            (1e3, self.language.pgettext("unit", "kB")),
        )
        for floor, unit in units:
            if size >= floor:
                divisor = 1e6 if floor == 1e5 else floor
                return f"{self.significant(size / divisor)}{NBSP}{unit}"
        return self.language.ngettext("%(count)s byte", "%(count)s bytes", int(size))

    def operations(self, flops: float) -> str:
        """Arithmetic operations, in thousands, millions or billions."""
        units = (
            (1e9, self.language.pgettext("unit", "billion")),
            (1e6, self.language.pgettext("unit", "million")),
            (1e3, self.language.pgettext("unit", "thousand")),
        )
        for divisor, unit in units:
            if flops >= divisor:
                return f"{self.significant(flops / divisor)}{NBSP}{unit}"
        return self.integer(flops)

    def milliseconds(self, value: float) -> str:
        """8.60 ms; below a tenth of one in microseconds."""
        if value < 0.1:
            unit = self.language.pgettext("unit", "µs")
            return f"{self.significant(value * 1000)}{NBSP}{unit}"
        unit = self.language.pgettext("unit", "ms")
        return f"{self.significant(value)}{NBSP}{unit}"

    def times(self, ratio: float, digits: int = 3) -> str:
        """'11.4 times', rounded down; the word follows the number's plural form."""
        number = _floor(ratio, digits)
        return f"{self._plain(number)}{NBSP}{self._plural('times', number)}"

    def points(self, value: float, decimals: int = 1) -> str:
        """'0.3 points' of a percentage, without a sign."""
        number = _whole(_round(abs(value) * 100, decimals))
        return f"{self._plain(number)}{NBSP}{self._plural('points', number)}"

    def duration(self, seconds: float) -> str:
        """'41 minutes'; above an hour with its minutes."""
        minutes = round(seconds / 60)
        if minutes < 60:
            step = timedelta(seconds=max(1, round(seconds)))
            return self._span(step, "minute" if minutes > 1 else "second")
        hours, rest = divmod(minutes, 60)
        text = self._span(timedelta(hours=hours), "hour")
        return f"{text} {self._span(timedelta(minutes=rest), 'minute')}" if rest else text

    def time_left(self, seconds: float) -> str:
        """A rounded duration: nobody can promise seconds."""
        steps = ((45, 10), (90, 60), (1200, 60), (3600, 300), (math.inf, 900))
        step = next(step for limit, step in steps if seconds <= limit)
        return self.duration(max(step, math.ceil(seconds / step) * step))

    def between(self, least: float, most: float) -> str:
        """'about 3 to 8 minutes', from seconds: as rough as it is known."""
        if most < 30:
            return self.language.gettext("less than half a minute")
        high, unit = _outwards(most, math.ceil)
        low, lower = _outwards(max(least, 5), math.floor)
        if (low, lower) == (high, unit):
            return self.language.gettext("about %(most)s", most=self._of_time(high, unit))
        return self.language.gettext(
            "about %(least)s to %(most)s",
            least=self.integer(low) if lower == unit else self._of_time(low, lower),
            most=self._of_time(high, unit),
        )

    def _of_time(self, count: int, unit: str) -> str:
        """'8 minutes', as it stands behind "from" and "to"."""
        words = self.language
        one, many = {
            "second": (words.pgettext("to one", "second"), words.pgettext("to many", "seconds")),
            "minute": (words.pgettext("to one", "minute"), words.pgettext("to many", "minutes")),
            "hour": (words.pgettext("to one", "hour"), words.pgettext("to many", "hours")),
            "day": (words.pgettext("to one", "day"), words.pgettext("to many", "days")),
        }[unit]
        is_one = words.locale.plural_form(count) == "one"
        return f"{self.integer(count)}{NBSP}{one if is_one else many}"

    def date(self, moment: datetime) -> str:
        """24 November 2026."""
        return format_date(moment, "long", locale=self.language.locale)  # type: ignore[no-any-return]

    def moment(self, moment: datetime) -> str:
        """24 Nov 2026, 13:20 UTC."""
        text = format_datetime(moment, "d MMM y, HH:mm", locale=self.language.locale)
        return f"{text} UTC"

    def _decimal(self, value: Decimal, decimals: int) -> str:
        if not value.is_finite():
            return NOTHING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        text = format_decimal(value, pattern, locale=self.language.locale)
        return str(text).replace("-", MINUS)

    def _plain(self, value: Decimal) -> str:
        exponent = value.as_tuple().exponent
        return self._decimal(value, max(0, -exponent) if isinstance(exponent, int) else 0)

    def _plural(self, word: str, number: Decimal) -> str:
        form = self.language.locale.plural_form(number) if number.is_finite() else "other"
        words = {
            "times": {
                "one": self.language.pgettext("plural one", "times"),
                "few": self.language.pgettext("plural few", "times"),
                "many": self.language.pgettext("plural many", "times"),
                "other": self.language.pgettext("plural other", "times"),
            },
            "points": {
                "one": self.language.pgettext("plural one", "point"),
                "few": self.language.pgettext("plural few", "points"),
                "many": self.language.pgettext("plural many", "points"),
                "other": self.language.pgettext("plural other", "points"),
            },
        }
        return words[word][form]

    def _span(self, span: timedelta, granularity: str) -> str:
        return str(
            format_timedelta(
                span, granularity=granularity, threshold=60, locale=self.language.locale
            )
        )


def _outwards(seconds: float, rounding: Callable[[float], int]) -> tuple[int, str]:
    """A count and its unit, rounded away from what lies between: 3 minutes, 40 minutes, 5 hours."""
    unit, size, _ = next(one for one in _UNITS if seconds >= one[2])
    count = seconds / size
    step = 10 if unit == "second" or count >= 30 else 1 if count < 10 else 5
    whole = max(1, rounding(count / step)) * step
    return _FULL.get((whole, unit), (whole, unit))


# A unit, its seconds, and from how many seconds on it is spoken of.
_UNITS = (("day", 86_400, 48 * 3600), ("hour", 3600, 3600), ("minute", 60, 60), ("second", 1, 0))
_FULL = {(60, "second"): (1, "minute"), (60, "minute"): (1, "hour")}


def _round(value: float, decimals: int) -> Decimal:
    if not math.isfinite(value):
        return Decimal("nan")
    # repr, not the binary value: 0.3 points must not become 0.2999.
    step = Decimal(1).scaleb(-decimals)
    return Decimal(repr(round(float(value), 12))).quantize(step, rounding=ROUND_HALF_UP)


def _floor(value: float, digits: int) -> Decimal:
    if not math.isfinite(value):
        return Decimal("nan")
    exact = Decimal(repr(round(float(value), 12)))
    if exact == 0:
        return Decimal(0)
    decimals = max(0, digits - 1 - exact.adjusted())
    floored = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)
    return _whole(floored)


def _whole(number: Decimal) -> Decimal:
    """2 for 2.00: no decimals that say nothing."""
    if not number.is_finite():
        return number
    whole = number.to_integral_value()
    return whole if number == whole else number
