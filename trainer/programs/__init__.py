"""Compiled programs, and the counts of flops and exchanges that are read from their text."""
