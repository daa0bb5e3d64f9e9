"""`record-trace` and `evaluate-checkpoint`: options, progress, closing words and exit codes."""
