"""Pages, over the test client and in a real browser."""
