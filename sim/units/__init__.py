"""Quantities: their units, how users write them, and how numbers are shown."""
