"""Scenarios that ship; the command runs one of them when it is given none."""
