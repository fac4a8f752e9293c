"""Real servers for tests: from the machine's binaries, else from packages that carry them."""
