"""Loading models that strangers made."""
