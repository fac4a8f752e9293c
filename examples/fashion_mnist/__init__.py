"""Real Fashion-MNIST: the full set where the machine has it, else the sample shipped here."""

from examples.fashion_mnist.find import SAMPLE, FashionMnist, load, load_sample, write_npz

__all__ = ["SAMPLE", "FashionMnist", "load", "load_sample", "write_npz"]
