"""trainer: real JAX training, which records what it costs as a trace for the simulator."""
