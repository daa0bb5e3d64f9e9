"""Pages of answers: the report of each question with drawings, its scenario, and what it was made by."""
