"""Documents: YAML read within bounds, checked into frozen models, and every mistake named by file, line and field."""
