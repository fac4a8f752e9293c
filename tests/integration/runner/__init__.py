"""The runner with a stand-in for the engine, on real databases and inside the real sandbox."""
