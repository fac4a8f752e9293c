"""Objects that look like real ones, for tests that read them."""
