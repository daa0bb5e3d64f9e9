"""The trace: the file that a recording writes, its records, and the series of seconds that a replay reads from it."""
