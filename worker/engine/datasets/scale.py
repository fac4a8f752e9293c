"""An input scale: one multiplication and one addition, done per batch inside the training loop."""

from __future__ import annotations

from dataclasses import dataclass

from prunery.specs.errors import PruneryError

USUAL = ("none", "0..1", "-1..1")
# As `keras.applications` has them, of pictures in red, green and blue: VGG and ResNet expect
# "caffe", DenseNet and most that were born elsewhere "torch".
FAMILIES = ("caffe", "torch")
_TARGETS = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}
_MEAN_BLUE_FIRST = (103.939, 116.779, 123.68)
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Scale:
    """Every input becomes float32 `x * multiplier + offset`, unless it is the identity.

    Both are numbers, or one of each channel; `turns` puts the channels in reverse order before.
    """

    name: str = "none"
    multiplier: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    turns: bool = False

    @property
    def is_identity(self) -> bool:
        """Tell whether inputs pass as they are."""
        return self.multiplier == 1.0 and self.offset == 0.0


NONE = Scale()


def span(low: float, high: float, *, pixels: bool) -> tuple[float, float]:
    """The range that values are understood to come from, given what occurs."""
    if pixels:
        return 0.0, 255.0
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    if low >= -1.0 and high <= 1.0:
        return -1.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def make(name: str, low: float, high: float) -> Scale:
    """The scale called `name` for values from `low` to `high`."""
    if name == "caffe":
        unit = 255.0 / (high - low)
        return Scale(name, unit, tuple(-low * unit - mean for mean in _MEAN_BLUE_FIRST), turns=True)
    if name == "torch":
        spans = [(high - low) * spread for spread in _SPREAD]
        offsets = [-low / s - m / p for s, m, p in zip(spans, _MEAN, _SPREAD, strict=True)]
        return Scale(name, tuple(1.0 / span for span in spans), tuple(offsets))
    if name not in _TARGETS:
        raise PruneryError("recipe_invalid", f"There is no scaling named {name[:40]!r}.")
    bottom, top = _TARGETS[name]
    multiplier = (top - bottom) / (high - low)
    return Scale(name, multiplier, bottom - low * multiplier)
