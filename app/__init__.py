"""The web service: accept, check cheaply, queue, show."""
