"""Who asks: the local owner where keys are off, the owner of a bearer key elsewhere."""
