"""Files of Keras 2 and tf-keras in the form of Keras 3: JSON to JSON, nothing is built.

documents   the whole of a configuration, and what is said of it
graph       calls and shapes of a functional model; TensorFlow functions that were layers (ops,
            functions)
objects     layers and what they hold (layers)
compiling   optimizer, losses and metrics
"""

from prunery.screening.legacy.documents import is_legacy, modern_compile, modern_model, notes

__all__ = ["is_legacy", "modern_compile", "modern_model", "notes"]
