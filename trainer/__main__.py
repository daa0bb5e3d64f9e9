"""`python -m trainer` is `record-trace`."""

from .cli import main

main()
