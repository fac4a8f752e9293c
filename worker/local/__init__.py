"""`prunery local`: the engine in this process, with no server."""
