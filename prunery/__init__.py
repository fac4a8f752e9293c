"""Prunery makes neural networks smaller: the words that server, worker, engine and client share."""

__version__ = "0.1.0"
