"""An output of a model and its loss: what both take for labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunery.specs.models import ModelSummary, TensorInfo


@dataclass(frozen=True)
class Output:
    """An output of the model, as far as labels are concerned."""

    info: TensorInfo
    loss: str
    activation: str

    @property
    def width(self) -> int | None:
        """Size of the last axis: the number of classes, where there are classes."""
        return self.info.shape[-1] if self.info.shape else 1

    @property
    def wants_one_hot(self) -> bool:
        """Tell whether the loss compares distributions, not class numbers."""
        return "categorical" in self.loss and "sparse" not in self.loss

    @property
    def is_sparse(self) -> bool:
        """Tell whether the loss takes class numbers."""
        return "sparse" in self.loss

    @property
    def is_numeric(self) -> bool:
        """Tell whether the loss is one for numbers."""
        return is_numeric(self.loss)

    @property
    def is_binary(self) -> bool:
        """Tell whether each unit of the output answers yes or no."""
        return "binary" in self.loss or (not self.loss and self.activation == "sigmoid")

    @property
    def instead_for_classes(self) -> str | None:
        """The loss to take instead where labels are one class an example; None where it works."""
        if self.width == 1:
            return "binary_crossentropy" if "categorical" in self.loss else None
        unfit = "binary" in self.loss or self.is_numeric
        return "sparse_categorical_crossentropy" if unfit else None


_NUMERIC = ("squared", "absolute", "mse", "mae", "mape", "msle", "huber", "logcosh", "poisson")


def is_numeric(loss: str) -> bool:
    """Tell whether a loss is one for numbers."""
    return any(word in loss.replace("_", "") for word in _NUMERIC)


def better_loss(loss: str, labels: str, width: int, outputs: int = 1) -> str | None:
    """What to write instead of a loss that cannot work, of several outputs; None where it can."""
    instead = _better_loss(loss.lower(), labels, width)
    if instead is not None and outputs > 1:
        instead = "auto, and compile the model with a loss for each output"
    if instead is None:
        return None
    return f"{loss!r} does not fit these labels and {width} output units; write {instead}."


def _better_loss(loss: str, labels: str, width: int) -> str | None:
    numeric = is_numeric(loss)
    if width == 1 and "categorical" in loss:
        return "binary_crossentropy for two classes, or mean_squared_error for numbers"
    if width > 1 and labels in ("integers", "strings") and "categorical" not in loss:
        return "sparse_categorical_crossentropy"
    if labels == "multi_label" and "categorical" in loss:
        return "binary_crossentropy"
    if labels == "strings" and numeric:
        return "binary_crossentropy"
    if labels == "values" and width > 1 and "sparse" in loss:
        return "mean_squared_error"
    return None


def of(model: ModelSummary, asked: str) -> tuple[Output, ...]:
    """The model's, each with the recipe's loss where it names one, else with the model's own."""
    own = model.compiled.loss if model.compiled is not None else None
    loss = (own or "") if asked == "auto" else asked
    return tuple(
        Output(tensor, of_output(loss, tensor.name, index), tensor.activation or "")
        for index, tensor in enumerate(model.outputs)
    )


def unasked(found: Sequence[Output]) -> frozenset[str]:
    """Outputs without a loss where another has one: they need no labels."""
    without = {output.info.name for output in found if not output.loss}
    return frozenset(without) if len(without) < len(found) else frozenset()


def of_output(loss: str, name: str, index: int) -> str:
    """The loss of one output, in lower case without underscores.

    `loss` is a single name, or several as `CompileInfo` has them: `a: mse, b: mae` or `mse, mae`
    (`none, mae` where one has none).
    """
    parts = [part.strip() for part in loss.split(",") if part.strip()]
    named = dict(part.split(": ", 1) for part in parts if ": " in part)
    if named:
        found = named.get(name, "")
    elif len(parts) > 1:
        found = parts[index] if index < len(parts) else ""
    else:
        found = parts[0] if parts else ""
    return "" if found == "none" else found.lower().replace("_", "")
