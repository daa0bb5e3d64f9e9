"""The workload: a model and its training, and the compute time and payloads of each worker that follow from it."""
