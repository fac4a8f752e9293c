"""Datasets: uploads that a job trains and tests on."""
