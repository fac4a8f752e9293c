"""From masks to physically smaller tensors, and the proof that nothing changed."""
