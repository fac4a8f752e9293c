"""Files that tf-keras wrote, and what their models answered there."""
