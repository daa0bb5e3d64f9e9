"""Flows that share links max-min fairly in simulated time, with token buckets and capacities that change."""
