"""The figures of a reference replay, under the names that a `Run` of the product has."""

from .replay import Replay


def figures(scenario, advisor=None):
    """One mapping for each strategy of a scenario."""
    if scenario.jobs == "together":
        replay = Replay(scenario, scenario.strategies, advisor)
        watched_s = max(worker.finish_s for worker in replay.workers)
        return [_figures(replay, job, watched_s) for job in replay.jobs]
    found = []
    for strategy in scenario.strategies:
        replay = Replay(scenario, [strategy], advisor)
        found.append(_figures(replay, replay.jobs[0], max(worker.finish_s for worker in replay.workers)))
    return found


def _figures(replay, job, watched_s):
    workers = [replay.workers[place] for place in job.everyone]
    wall_s = max(worker.finish_s for worker in workers)
    merges = sum(worker.merges for worker in workers)
    crossing_bytes = sum(worker.crossing_bytes for worker in workers)

    def mean(what):
        return sum(worker.s[what] for worker in workers) / len(workers)

    run = {
        "wall_clock_s": wall_s,
        "compute_s": mean("compute"),
        "packing_s": mean("pack"),
        "straggler_wait_s": mean("straggler"),
        "exposed_inside_s": mean("inside"),
        "exposed_across_s": mean("across"),
        "hidden_communication_s": mean("hidden"),
        "cross_datacenter_bytes": crossing_bytes,
        "mean_bandwidth_bits_per_s": 8 * crossing_bytes / len(workers) / wall_s,
        "peak_bandwidth_bits_per_s": max(8 * w.peak / job.step_s(w.number) for w in workers),
        "mean_staleness": sum(worker.stale for worker in workers) / merges if merges else None,
        "max_staleness": max(worker.stalest for worker in workers) if merges else None,
        "late_merges": sum(worker.late for worker in workers),
        "steps": job.load.steps,
        "outer_steps": job.outer_steps(),
    }
    for worker, name in zip(workers, job.sites, strict=True):
        site = {
            "compute_s": worker.s["compute"],
            "exposed_communication_s": worker.s["inside"] + worker.s["across"],
            "straggler_wait_s": worker.s["straggler"],
            "held_up_s": sum(other.waited_for[worker.number] for other in workers),
        }
        run |= {f"sites.{name}.{key}": value for key, value in site.items()}
    for pipe in replay.pipes:
        link = {
            "bytes": pipe.bits / 8,
            "busy_share": pipe.busy_s / watched_s,
            "full_share": pipe.full_s / watched_s,
            "peak_utilization": pipe.peak,
        }
        run |= {f"links.{pipe.name}.{key}": value for key, value in link.items()}
    return run


def product(run):
    """The same figures of the product's `Run`."""
    names = ("wall_clock_s compute_s packing_s straggler_wait_s exposed_inside_s exposed_across_s hidden_communication_s"
             " cross_datacenter_bytes mean_bandwidth_bits_per_s peak_bandwidth_bits_per_s mean_staleness max_staleness"
             " late_merges steps outer_steps")  # fmt: skip
    found = {name: getattr(run, name) for name in names.split()}
    for site in run.sites:
        for key in ("compute_s", "exposed_communication_s", "straggler_wait_s", "held_up_s"):
            found[f"sites.{site.name}.{key}"] = getattr(site, key)
    for link in run.links:
        for key in ("bytes", "busy_share", "full_share", "peak_utilization"):
            found[f"links.{link.name}.{key}"] = getattr(link, key)
    return found
