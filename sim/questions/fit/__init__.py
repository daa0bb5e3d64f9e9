"""Laws fitted to somebody's own runs: of size and tokens, and of the shares of a mixture."""
