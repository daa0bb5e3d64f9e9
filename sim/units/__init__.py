"""Quantities: their units, how people write them, and how numbers are shown."""
