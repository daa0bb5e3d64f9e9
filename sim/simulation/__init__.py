"""The simulation of a scenario: its jobs, their replay, and the results in the terms of an answer."""
