"""crosshaul: a multi-datacenter network and wall-clock simulator for language-model training.

Packages, each of which imports only those below it: cli, report, questions, simulation, scenario, strategies, network,
engine, workload, topology, trace, laws, documents, units. `docs/architecture.md` draws them.
"""
