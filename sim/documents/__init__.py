"""Documents: YAML of bounded size, validated into frozen models; every mistake is named by file, line and field."""
