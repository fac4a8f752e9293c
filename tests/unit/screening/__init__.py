"""Tests of the checkers that need no library."""
