"""Recorded traces that ship, one file each (`simulate list workloads` names them)."""
