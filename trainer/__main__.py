"""`python -m trainer` is `record-trace`."""

from .cli.command import record_trace

record_trace()
