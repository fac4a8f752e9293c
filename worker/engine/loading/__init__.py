"""Loading models that strangers made."""

from worker.engine.loading import aliases
from worker.engine.loading.models import Loaded, load
from worker.engine.loading.summary import summarise

aliases.install()

__all__ = ["Loaded", "load", "summarise"]
