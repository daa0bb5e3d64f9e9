"""The trace: the file of a recording, its records, and the series of compute times that a replay reads from it."""
