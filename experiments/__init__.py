"""Experiments: what was measured or printed, beside what we say. Each is run as `python -m experiments.NAME`."""
