"""Keys of a scenario that change nothing in its answer; each is named in a note."""
