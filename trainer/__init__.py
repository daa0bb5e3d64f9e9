"""trainer: real training in JAX, which records its costs as a trace for the simulator."""
