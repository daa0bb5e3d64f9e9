"""Logs of other programs as steps: a file for each format, and a table of them."""
