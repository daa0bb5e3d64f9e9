"""Topologies that ship: one YAML file each, with a description and the source of its numbers."""
