"""Our flows beside those of SimGrid."""
