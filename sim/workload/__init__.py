"""The workload: what is trained for how long, and what that comes to at each worker in seconds and bytes."""
