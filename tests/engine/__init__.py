"""Tests of the engine: tiny real nets."""
