"""Flows that share links by max-min fair share in simulated time, with token buckets and changing capacities."""
