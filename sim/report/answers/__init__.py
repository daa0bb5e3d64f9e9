"""Reports: one module for each answer of `questions`, as text, tables and data."""
