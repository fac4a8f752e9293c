"""Loading models that strangers made."""

from worker.engine.loading.models import Loaded, load
from worker.engine.loading.summary import summarise

__all__ = ["Loaded", "load", "summarise"]
