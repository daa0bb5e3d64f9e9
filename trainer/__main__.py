"""`python -m trainer` is `record-trace`."""

from .cli.record_trace import main

main()
