"""Make the shipped sample from the full set: `python -m examples.fashion_mnist.make_sample`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from examples.fashion_mnist.find import SAMPLE, load, write_npz

PER_CLASS = 1_000


def main() -> None:
    """Keep the first 1,000 training images of each class, in their order, and every test image."""
    full = load()
    if not full.is_full:
        raise SystemExit("The full Fashion-MNIST is not on this machine.")
    chosen = [np.flatnonzero(full.y_train == label)[:PER_CLASS] for label in range(10)]
    rows = np.sort(np.concatenate(chosen))
    write_npz(replace(full, x_train=full.x_train[rows], y_train=full.y_train[rows]), SAMPLE)
    print(f"{SAMPLE}: {SAMPLE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
