"""Datasets as people have them, made ready for one model.

source      any file format to raw arrays, memory-mapped
inspection  what can be said at upload, before a model is known
preparing   raw arrays and a model to a Dataset: roles, shapes, labels, splits, canonical form
dataset     Dataset and Split: what training sees, under the Scale of its inputs
"""

from worker.engine.datasets.dataset import Dataset, Split
from worker.engine.datasets.inspection import inspect
from worker.engine.datasets.preparing import prepare
from worker.engine.datasets.scale import Scale

__all__ = ["Dataset", "Scale", "Split", "inspect", "prepare"]
