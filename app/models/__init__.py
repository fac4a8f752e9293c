"""Models: uploads that a job prunes."""
