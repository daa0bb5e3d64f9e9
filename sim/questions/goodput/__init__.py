"""Goodput: what is left of a run's time where chips, sites and links fail, as bands over many histories."""
