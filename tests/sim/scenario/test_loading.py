"""A scenario from names and options: what fits together of what nobody asked for."""

import pytest

from sim.errors import InputError
from sim.scenario.loading import load_scenario


@pytest.mark.parametrize(
    ("topology", "settings", "datacenters"),
    [
        ("h100-two-sites", (), 2),
        ("h100-two-sites", ('topology.links[0].bandwidth="25 Gbit/s"',), 2),
        ("low-bw", ("topology.generate.datacenters=3",), 3),
        ("low-bw", ("topology.generate.datacenters=8",), 8),
    ],
)
def test_default_strategies_are_those_that_the_topology_has_datacenters_for(topology, settings, datacenters):
    scenario = load_scenario(topology=topology, workload="10b", settings=settings)
    assert len(scenario.topology.datacenters) == datacenters
    replicas = [strategy.replica_count for strategy in scenario.strategies]
    assert max(replicas) <= datacenters
    assert replicas == [count for count in (1, 1, 2, 4, 8) if count <= datacenters]


def test_a_wrong_setting_of_the_topology_is_told_as_it_stands():
    with pytest.raises(InputError, match="generate: datacenters: got 0; must be greater than 0"):
        load_scenario(topology="low-bw", settings=("topology.generate.datacenters=0",))
