"""What a model weighs: parameters, floating-point operations, latency, bytes."""

from worker.engine.profiling.activations import examples_within
from worker.engine.profiling.flops import flops, flops_by_layer
from worker.engine.profiling.latency import latency
from worker.engine.profiling.sizes import gzip_bytes, live_parameters, parameters, size_bytes

__all__ = [
    "examples_within",
    "flops",
    "flops_by_layer",
    "gzip_bytes",
    "latency",
    "live_parameters",
    "parameters",
    "size_bytes",
]
