"""Files from strangers: received in constant memory, screened, kept under an id, checked apart."""
