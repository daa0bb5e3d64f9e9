"""Published tables and figures, computed again: what is printed there beside what the simulator says."""
