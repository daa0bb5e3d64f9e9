"""Devices and processes: the mesh, several hosts as one run, and what accelerators can do at most."""
