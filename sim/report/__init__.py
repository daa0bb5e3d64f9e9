"""Answers as reports: a file beside this one builds one for each question, `render` turns them into text or data."""
