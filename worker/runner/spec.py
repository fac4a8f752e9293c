"""What every spec.json has in common."""

from __future__ import annotations

from app.core.settings import Settings
from prunery.specs.job import EngineLimits


def limits(settings: Settings) -> EngineLimits:
    """The service's limits, as the engine keeps them."""
    return EngineLimits(
        parameters=settings.max_parameters,
        layers=settings.max_layers,
        dataset_bytes=settings.max_dataset_bytes,
        memory_bytes=settings.engine_memory_bytes,
        threads=settings.engine_threads,
    )
