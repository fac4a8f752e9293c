"""The whole service, or a whole job, seen from outside."""
