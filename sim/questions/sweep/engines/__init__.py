"""Who computes the points: this process, several of this machine, a Ray cluster, or Slurm. Each has a file here."""
