"""Devices and processes: the mesh, runs of several processes, and peak speeds of accelerators."""
