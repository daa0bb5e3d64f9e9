"""What the logs of a run say, and the trace that they make."""
