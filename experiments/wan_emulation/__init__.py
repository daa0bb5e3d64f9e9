"""Real training between emulated sites, beside what the simulator predicts of it."""
