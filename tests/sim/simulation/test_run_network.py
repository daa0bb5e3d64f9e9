"""Runs whose exchanges are flows on real links: uneven, shared, and changing over time."""

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.network.collectives import CLOSED_FORMS
from sim.questions.bottleneck import bottlenecks
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.topology.model import topology_names

FREE_INSIDE = {"bandwidth": "1e30 bit/s", "latency": "0 s"}


def scenario(topology, workload, strategies, **rest):
    document = {
        "topology": {"name": "t", **topology},
        "workload": workload,
        "strategies": [{"kind": s} if isinstance(s, str) else s for s in strategies],
        **rest,
    }
    return validate(Scenario, document, source="test")


def diloco(replicas, sync_every=30):
    return {"kind": "diloco", "replicas": replicas, "sync_every": sync_every}


def around_an_exchange(*bandwidths, latency="0 s", **link):
    """Sites whose only link is the access to one exchange point."""
    names = [f"s{i}" for i in range(len(bandwidths))]
    return {
        "datacenters": [{"name": name, "inside": FREE_INSIDE} for name in names],
        "routers": ["ix"],
        "links": [
            {"between": [name, "ix"], "bandwidth": width, "latency": latency, **link}
            for name, width in zip(names, bandwidths, strict=True)
        ],
    }


# 20 GB of gradients, and 1.0 s of compute in a step, on one chip at each of four sites.
TWENTY_GB = {"params": 10e9, "batch_tokens": 8192, "chips": 4, "chip_speed": "122.88 Tflop/s"}


@pytest.mark.parametrize(
    ("strategy", "steps", "seconds"),
    [
        ("data-parallel", 1000, 25_000.0),
        # 33 whole rounds, and the last, shorter one, which is exchanged as well.
        (diloco(4), 1000, 1000 + 34 * 24.0),
        (diloco(4), 990, 990 + 33 * 24.0),
    ],
)
def test_a_ring_of_four_sites_takes_24_seconds(strategy, steps, seconds):
    topology = around_an_exchange(*["10 Gbit/s"] * 4)
    (only,) = run(scenario(topology, {**TWENTY_GB, "steps": steps}, [strategy], collective="ring")).runs
    assert only.wall_clock_s == pytest.approx(seconds, rel=1e-9)
    assert only.compute_utilization == pytest.approx(steps / seconds, rel=1e-9)
    assert only.collective == "ring"
    assert only.closed_form_s is None


@pytest.mark.parametrize("collective", sorted(CLOSED_FORMS))
@pytest.mark.parametrize("replicas", [2, 3, 8])
def test_diloco_pays_the_closed_form_of_its_collective(collective, replicas):
    wire = {"bandwidth": "10 Gbit/s", "latency": "7 ms"}
    topology = {"generate": {"shape": "full-mesh", "datacenters": 8, "inside": FREE_INSIDE, **wire}}
    workload = {"params": 1e9, "steps": 300, "chips": 24, "batch_tokens": 98304}
    (only,) = run(scenario(topology, workload, [diloco(replicas)], collective=collective)).runs
    once = CLOSED_FORMS[collective](2e9, replicas, 10e9, 7e-3)
    assert only.exposed_across_s == pytest.approx(10 * once, rel=1e-9)
    assert only.wall_clock_s == pytest.approx(only.compute_s + 10 * once, rel=1e-9)


@pytest.mark.parametrize("collective", ["ring", "star", "hierarchical", "auto"])
@pytest.mark.parametrize("steps", [299, 1000])
def test_the_steady_shortcut_is_exact_for_flows(collective, steps):
    topology = around_an_exchange("10 Gbit/s", "1 Gbit/s", "3 Gbit/s", latency="4 ms")
    topology["datacenters"][1]["chip_speed"] = "200 Tflop/s"
    workload = {"params": 1e9, "steps": steps, "chips": 6, "batch_tokens": 24576}
    strategies = ["data-parallel", diloco(1, 7), diloco(3, 7)]
    steady = run(scenario(topology, workload, strategies, collective=collective)).runs
    full = run(scenario(topology, workload, strategies, collective=collective, replay="full")).runs
    for short, long in zip(steady, full, strict=True):
        assert short.replayed_steps < long.replayed_steps == steps
        assert short.wall_clock_s == pytest.approx(long.wall_clock_s, rel=1e-9)
        for ours, theirs in zip(short.links, long.links, strict=True):
            assert ours.bytes == pytest.approx(theirs.bytes, rel=1e-9)
            assert ours.busy_share == pytest.approx(theirs.busy_share, rel=1e-9)
            assert ours.full_share == pytest.approx(theirs.full_share, rel=1e-9)
            assert ours.peak_utilization == pytest.approx(theirs.peak_utilization, rel=1e-9)
        for ours, theirs in zip(short.sites, long.sites, strict=True):
            assert ours.held_up_s == pytest.approx(theirs.held_up_s, rel=1e-9, abs=1e-9)


def test_what_sites_send_is_what_links_carry():
    topology = around_an_exchange("10 Gbit/s", "1 Gbit/s", "3 Gbit/s")
    (only,) = run(scenario(topology, {"params": 1e9, "steps": 60, "chips": 3}, [diloco(3)], collective="ring")).runs
    up = sum(link.bytes for link in only.links if link.name.endswith("-> ix"))
    down = sum(link.bytes for link in only.links if link.name.startswith("ix ->"))
    assert up == pytest.approx(only.cross_datacenter_bytes, rel=1e-9)
    assert down == pytest.approx(only.cross_datacenter_bytes, rel=1e-9)
    # Two outer steps of a ring of three: each site sends 2 S 2/3.
    assert only.cross_datacenter_bytes == pytest.approx(2 * 3 * 2 * 2e9 * 2 / 3, rel=1e-9)


def test_only_the_narrowest_link_is_ever_full():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s", "1 Gbit/s")
    (only,) = run(scenario(topology, {"params": 1e9, "steps": 30, "chips": 3}, [diloco(3)], collective="ring")).runs
    full = {link.name: link.full_share for link in only.links if link.full_share}
    # The hops of the others run at 10 Gbit/s until they are done; a tenth as long as the narrow one, at both its ends.
    narrow = 2 * 2 / 3 * 16e9 / 1e9 / only.wall_clock_s
    assert full.pop("s2 -> ix") == pytest.approx(narrow)
    assert full.pop("ix -> s2") == pytest.approx(narrow)
    assert all(share == pytest.approx(narrow / 10) for share in full.values())


def test_the_narrowest_access_is_the_bottleneck():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s", "1 Gbit/s")
    result = run(scenario(topology, {"params": 1e9, "steps": 300, "chips": 3}, [diloco(3)], collective="ring"))
    (found,) = bottlenecks(result, result.runs[0])
    exposed = result.runs[0].exposed_across_s / result.runs[0].wall_clock_s
    assert found.kind == "link"
    assert "s2" in found.name
    assert found.share == pytest.approx(exposed)
    assert found.doubled == pytest.approx(1 - exposed / 2)
    assert found.halved == pytest.approx(1 + exposed)


def uneven(**rest):
    topology = around_an_exchange(*["100 Gbit/s"] * 3)
    for site, (chips, speed) in zip(topology["datacenters"], [(8, 300), (8, 100), (4, 300)], strict=True):
        site.update(chips=chips, chip_speed=f"{speed} Tflop/s")
    return scenario(topology, {"params": 1e9, "batch_tokens": 122880, "steps": 60, **rest}, [diloco(3)])


def test_an_even_split_waits_for_the_weakest_site():
    result = run(uneven())
    (only,) = result.runs
    seconds = [60 * 6e9 * 40960 / (chips * speed * 1e12) for chips, speed in [(8, 300), (8, 100), (4, 300)]]
    assert [site.compute_s for site in only.sites] == pytest.approx(seconds)
    assert [site.chips for site in only.sites] == [8, 8, 4]
    assert only.chips == 20
    weakest = only.sites[1]
    assert weakest.straggler_wait_s == 0
    assert weakest.held_up_s == pytest.approx(2 * seconds[1] - seconds[0] - seconds[2])
    assert sum(site.straggler_wait_s for site in only.sites) == pytest.approx(weakest.held_up_s)
    assert only.sites[0].waited_for_s == {"s1": pytest.approx(seconds[1] - seconds[0])}
    assert weakest.waited_for_s == {}
    found = next(each for each in bottlenecks(result, only) if each.kind == "site")
    assert found.name == "s1"
    # Twice as fast it is level with the third site, which then sets the pace.
    saved = seconds[1] - max(seconds[1] / 2, seconds[2])
    assert found.doubled == pytest.approx(1 - saved / only.wall_clock_s, rel=1e-6)


def test_no_site_is_named_where_the_seconds_of_a_step_are_given():
    """Two of three share a processor and hold the third up; chips of any speed take the seconds that are given."""
    topology = around_an_exchange(*["100 Gbit/s"] * 3) | {"hosts": [{"name": "h"}]}
    for site in topology["datacenters"][:2]:
        site["host"] = "h"
    result = run(scenario(topology, {"params": 1e9, "steps": 60, "step_time": "3 s"}, [diloco(3)]))
    (only,) = result.runs
    assert max(site.held_up_s for site in only.sites) > 0.1 * only.wall_clock_s
    assert [found.kind for found in bottlenecks(result, only)] == ["link"]


def test_a_split_by_speed_makes_all_sites_finish_together():
    (only,) = run(uneven(split="by-speed")).runs
    assert [site.tokens_share for site in only.sites] == pytest.approx([24 / 44, 8 / 44, 12 / 44])
    assert only.straggler_wait_s == pytest.approx(0, abs=1e-9)
    assert only.compute_s == pytest.approx(60 * 6e9 * 122880 / 4.4e15)


def test_two_jobs_compete_for_the_same_links():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s")
    jobs = [diloco(2, 10), diloco(2, 10)]
    workload = {"params": 1e9, "steps": 100, "chips": 2, "batch_tokens": 8192}
    alone = run(scenario(topology, workload, jobs[:1], collective="ring")).runs[0]
    both = run(scenario(topology, workload, jobs, collective="ring", jobs="together")).runs
    # They compute in step, so every exchange has half the link.
    for one in both:
        assert one.wall_clock_s == pytest.approx(alone.compute_s + 2 * alone.exposed_across_s, rel=1e-9)
        assert one.cross_datacenter_bytes == pytest.approx(alone.cross_datacenter_bytes, rel=1e-9)
        assert one.compute_s == pytest.approx(alone.compute_s, rel=1e-9)
    carried = sum(link.bytes for link in both[0].links)
    assert carried == pytest.approx(2 * sum(link.bytes for link in alone.links), rel=1e-9)


def test_jobs_out_of_step_hardly_meet():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s")
    workload = {"params": 1e9, "steps": 101, "chips": 2, "batch_tokens": 8192}
    together = run(
        scenario(topology, workload, [diloco(2, 100), diloco(2, 101)], collective="ring", jobs="together")
    ).runs
    alone = run(scenario(topology, workload, [diloco(2, 100), diloco(2, 101)], collective="ring")).runs
    for one, by_itself in zip(together, alone, strict=True):
        assert by_itself.wall_clock_s <= one.wall_clock_s * (1 + 1e-9)


def test_links_are_watched_until_the_last_job_ends():
    topology = around_an_exchange("5 Gbit/s", "10 Gbit/s")
    workload = {"params": 1e9, "steps": 100, "chips": 2, "batch_tokens": 8192}
    result = run(scenario(topology, workload, ["data-parallel", diloco(2, 3)], collective="ring", jobs="together"))
    slow, quick = result.runs
    assert quick.wall_clock_s < slow.wall_clock_s
    assert quick.links == slow.links
    busy = max(link.busy_share for link in quick.links)
    assert max(link.mean_utilization for link in quick.links) <= busy * (1 + 1e-12) <= 1
    (found,) = bottlenecks(result, slow)
    wider = scenario(
        around_an_exchange("10 Gbit/s", "10 Gbit/s"),
        workload,
        ["data-parallel", diloco(2, 3)],
        collective="ring",
        jobs="together",
    )
    assert found.doubled == pytest.approx(run(wider).runs[0].wall_clock_s / slow.wall_clock_s, rel=1e-9)


def test_bandwidth_that_sags_counts_from_its_moment_on():
    sagging = {
        "schedule": {"points": [{"at": "0 s", "bandwidth": "10 Gbit/s"}, {"at": "100 s", "bandwidth": "5 Gbit/s"}]}
    }
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s", **sagging)
    workload = {"params": 10e9, "steps": 100, "chips": 2, "batch_tokens": 4096, "chip_speed": "122.88 Tflop/s"}
    (only,) = run(scenario(topology, workload, ["data-parallel"], collective="ring")).runs
    assert only.replayed_steps < 20
    # 1 s of compute and 16 s of exchange make 17 s a step: five steps in 85 s; in the sixth the exchange begins at 86 s,
    # has sent 14 s' worth at 100 s and needs 4 s for the rest; 94 more steps take 33 s each.
    assert only.wall_clock_s == pytest.approx(104 + 94 * 33, rel=1e-9)


def test_an_outage_stalls_and_nothing_is_lost():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s", outages=[{"start": "5 s", "duration": "1000 s"}])
    workload = {"params": 10e9, "steps": 1, "chips": 2, "batch_tokens": 4096, "chip_speed": "122.88 Tflop/s"}
    (only,) = run(scenario(topology, workload, ["data-parallel"], collective="ring")).runs
    assert only.wall_clock_s == pytest.approx(1 + 16 + 1000, rel=1e-9)
    assert sum(link.bytes for link in only.links if link.name.endswith("ix")) == pytest.approx(40e9, rel=1e-9)


def test_a_link_that_never_returns_ends_the_run_with_who_waits_for_what():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s")
    topology["links"][1]["outages"] = [{"start": "5 s"}]
    workload = {"params": 10e9, "steps": 1, "chips": 2, "batch_tokens": 4096}
    with pytest.raises(InputError, match=r"s1 -> ix.*never return.*worker 0 for gradients 0") as caught:
        run(scenario(topology, workload, ["data-parallel"], collective="ring"))
    assert "give the outage a duration" in str(caught.value)


def test_a_window_caps_a_long_fat_link():
    workload = {"params": 1e9, "steps": 1, "chips": 2, "batch_tokens": 4096}

    def exposed(**transport):
        topology = around_an_exchange("10 Gbit/s", "10 Gbit/s", latency="25 ms")
        return (
            run(scenario({**topology, "transport": transport}, workload, ["data-parallel"], collective="ring"))
            .runs[0]
            .exposed_across_s
        )

    # The ring of two sends 2 GB each way, in two rounds of 50 ms; the window of 8 MiB allows 671 Mbit/s at 100 ms.
    assert exposed() == pytest.approx(16e9 / 10e9 + 0.1)
    assert exposed(window="8 MiB") == pytest.approx(16e9 / (8 * 8 * 2**20 / 0.1) + 0.1)
    assert exposed(window="8 MiB", streams=4) == pytest.approx(16e9 / (4 * 8 * 8 * 2**20 / 0.1) + 0.1)
    assert exposed(window="8 MiB", streams=100) == pytest.approx(exposed())


@pytest.mark.parametrize("name", topology_names())
def test_the_main_job_runs_on_every_topology_that_ships(name, simulate):
    code, out, err = simulate("--topology", name)
    assert (code, err) == (0, "")
    assert f"On {name}, " in out
    assert max(map(len, out.splitlines())) <= 80


def test_loss_caps_a_long_link():
    topology = around_an_exchange("10 Gbit/s", "10 Gbit/s", latency="25 ms", loss=1e-4)
    workload = {"params": 1e8, "steps": 1, "chips": 2, "batch_tokens": 4096}
    (only,) = run(scenario(topology, workload, ["data-parallel"], collective="ring")).runs
    # Two links on the way, 100 ms there and back: Mathis allows 1460 B / 0.1 s x sqrt(1.5) / sqrt(2e-4), 10.1 Mbit/s.
    lost = 1 - (1 - 1e-4) ** 2
    assert only.exposed_across_s == pytest.approx(1.6e9 / (8 * 1460 / 0.1 * (1.5 / lost) ** 0.5) + 0.1, rel=1e-9)


def test_the_default_comparison_leaves_out_what_a_small_topology_cannot_hold(tmp_path, simulate):
    path = tmp_path / "two.yaml"
    path.write_text(
        'datacenters: [{name: a}, {name: b}]\nlinks: [{between: [a, b], bandwidth: "1 Gbit/s", latency: "1 ms"}]\n'
    )
    code, out, _ = simulate("--topology", path)
    assert code == 0
    assert "M=2" in out
    assert "M=4" not in out


@pytest.mark.parametrize("detail", ["sites", "links"])
def test_detail_on_the_command_line(detail, simulate):
    code, out, err = simulate(
        "--topology", "thin-access", "--workload", "1.3b", "--detail", detail, "--set", "collective=ring"
    )
    assert (code, err) == (0, "")
    assert f"Data-Parallel: {detail}" in out
    assert "Bottleneck link" in out
    assert max(map(len, out.splitlines())) <= 80
