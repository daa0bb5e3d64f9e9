"""The scenario: topology, workload and strategies in one document, and variations of it."""
