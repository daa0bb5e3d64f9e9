"""Compiled programs: how they are made, and what they compute and exchange as their own text says."""
