"""The training loop with its costs; checkpoints, resumed runs and profiles."""
