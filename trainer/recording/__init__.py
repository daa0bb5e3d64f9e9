"""A training run written as a trace: inventory of programs, header, records, and runs that are compiled only."""
