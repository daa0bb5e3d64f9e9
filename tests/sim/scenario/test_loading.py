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


ENTRIES = (
    ("diloco", {"kind": "diloco"}),
    ("streaming-diloco:replicas=2,fragments=4", {"kind": "streaming-diloco", "replicas": 2, "fragments": 4}),
)


@pytest.mark.parametrize(("entry", "mapping"), ENTRIES)
def test_an_entry_of_a_file_may_be_written_as_on_the_command_line(tmp_path, entry, mapping):
    def loaded(strategies, **more):
        path = tmp_path / "scenario.yaml"
        path.write_text(f"topology: low-bw\nworkload: 10b\nstrategies: {strategies}\n")
        return load_scenario(path, **more)

    assert loaded(f"['{entry}', data-parallel]") == loaded([mapping, {"kind": "data-parallel"}])
    changed = [{**mapping, "sync_every": 70}]
    assert loaded(f"['{entry}']", words={"sync_every": 70}) == loaded(changed)
    assert loaded(["data-parallel"], settings=[f"strategies=['{entry}']"]) == loaded([mapping])
    assert loaded(["data-parallel"], settings=[f"strategies[0]={entry}"]) == loaded([mapping])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("dilco", r"x.yaml: strategies\[1\]: there is none named 'dilco'; did you mean 'diloco'"),
        ("diloco:replicas", r"strategies\[1\] diloco:replicas: 'replicas' sets nothing"),
        ("diloco:sync_evry=3", r"x.yaml:5: strategies\[1\].sync_evry: unknown key; did you mean 'sync_every'"),
        ("5", r"x.yaml:5: strategies\[1\]: got 5; must be a mapping of `key: value`"),
    ],
)
def test_a_wrong_entry_is_told_with_its_place(tmp_path, entry, told):
    path = tmp_path / "x.yaml"
    path.write_text(f"topology: low-bw\nworkload: 10b\nstrategies:\n  - data-parallel\n  - {entry}\n")
    with pytest.raises(InputError, match=told):
        load_scenario(path)


def test_a_setting_may_name_a_topology_and_a_workload(tmp_path, monkeypatch):
    path = tmp_path / "there" / "scenario.yaml"
    path.parent.mkdir()
    path.write_text("topology: low-bw\nworkload: 10b\nstrategies: [diloco]\n")
    by_option = load_scenario(path, topology="high-bw", workload="1.3b")
    assert load_scenario(path, settings=["topology=high-bw", "workload=1.3b"]) == by_option
    assert load_scenario(path, topology="medium-bw", settings=["topology=high-bw", "workload=1.3b"]) == by_option
    wide = load_scenario(path, settings=["topology=high-bw", "topology.generate.datacenters=3"])
    assert len(wide.topology.datacenters) == 3
    own = tmp_path / "own.yaml"
    own.write_text("name: own\ngenerate: {shape: full-mesh, datacenters: 2, bandwidth: 3 Gbit/s, latency: 1 ms}\n")
    monkeypatch.chdir(tmp_path)  # as --topology: from the working directory, not from the file's
    assert load_scenario(path, settings=["topology=own.yaml"]).topology.name == "own"
    with pytest.raises(InputError, match="topology: there is none named 'nope'"):
        load_scenario(path, settings=["topology=nope"])
