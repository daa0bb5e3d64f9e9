"""Real training over several sites that others measured, each run as a scenario, predicted blind."""
