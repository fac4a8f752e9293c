"""The HTTP API against a real database, real storage and a real broker; no worker runs."""
