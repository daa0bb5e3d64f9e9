"""Training runs written as traces: inventory of programs, header, records, and runs that are only compiled."""
