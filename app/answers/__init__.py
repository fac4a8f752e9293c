"""Answers kept under an Idempotency-Key: a request that is sent again is not done again."""
