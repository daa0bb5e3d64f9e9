"""Measured fault storms of two replicas, replayed from their schedules."""
