"""The training loop, what its moves cost, and how a run is saved, resumed and profiled."""
