"""crosshaul: a multi-datacenter network and wall-clock simulator for language-model training."""
