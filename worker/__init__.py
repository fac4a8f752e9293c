"""Claim a job, supervise its engine process, finish it."""
