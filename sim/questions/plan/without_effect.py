"""Keys and options of a plan that change nothing in its answer: each is named in a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...laws.communication import price_of
from ...scenario.overrides import parse_strategy
from ...simulation.jobs import plan_job
from ...simulation.predicted_loss import communication_of
from ...simulation.without_effect.given import given
from ...simulation.without_effect.keys import Reason, by_path, sentences
from ...simulation.without_effect.network import NOT_JOINED, unjoined
from ...topology.model import Topology
from ..without_effect import in_all, of_jobs, own_keys, site_path
from .equipment import equipped
from .options import Ask, Option
from .serving import all_meshes
from .spending import rates

_OF_STRATEGIES = ("strategies[", "--layers", "--payload-bits", "--risk", "--sync-every", "topology.store")
"""Keys that count in a search over all strategies, although they may not for those few that come last."""


def in_plan(
    ask: Ask, everything: Sequence[Option], larger: Sequence[Option], *, written: bool = True
) -> tuple[str, ...]:
    """Sentences on what changes nothing in a plan.

    Args:
      ask: what is asked.
      everything: all options; a key has no effect if it has none on any option.
      larger: the options with twice the chips, which a plan evaluates, too.
      written: whether the user wrote the entries of the strategies; else they are the last of a search over all.
    """
    views = [_seen_by(ask, option) for option in (*_telling(everything), *_telling(larger))]
    found = by_path(_of_plan(ask, everything)) | in_all(views)
    return tuple(sentences({key: why for key, why in found.items() if written or not key.startswith(_OF_STRATEGIES)}))


def _of_plan(ask: Ask, everything: Sequence[Option]) -> Iterator[Reason]:
    """Keys that a command-line option overrides, and options without effect."""
    sites = list(enumerate(ask.topology.datacenters))
    yield NOT_JOINED, unjoined(ask.topology)
    if ask.chips is not None:
        yield "--chips overrides it", (p for place, site in sites for p in given(site, site_path(place), "chips"))
    if ask.says_the_chip:
        own = ("chip", "mfu", "chip_speed")
        yield "--chip overrides it", (p for place, site in sites for p in given(site, site_path(place), *own))
    elif ask.mfu is not None:
        yield "--mfu overrides it", (p for place, site in sites for p in given(site, site_path(place), "mfu"))
    named = any(site.chip for option in everything for site in option.topology.datacenters)
    if ask.sharding != Ask.sharding and not named:
        yield "nobody names the chips, so their memory is not known", ["--sharding"]
    if ask.layers != Ask.layers and not named and not any(option.strategy.by_layer for option in everything):
        yield "no strategy exchanges layer by layer", ["--layers"]
    if ask.loss_slack != Ask.loss_slack and ask.goal == "loss":
        yield "it counts only with --inference-tokens or another --objective", ["--loss-slack"]
    if ask.serving and all_meshes(ask.serving):
        yield f"no mesh of {ask.serving.chip} has more chips", ["--serve-chips"]
    yield from _of_power(equipped(ask), ask)
    for option, key, value in (
        ("--price-chip-hour", "price_chip_hour", ask.price_chip_hour),
        ("--price-gb", "egress", ask.price_gb),
    ):
        if value is not None:
            paths = [path for place, site in sites for path in given(site, site_path(place), key)]
            yield f"{option} overrides it", [*paths, *given(ask.topology, "topology", key)]
    if ask.risk and not any(_has_ends(option) for option in everything):
        yield "the price of H, bits and late results is known or nothing for all that is chosen from", ["--risk"]
    if ask.sync_every is not None:
        yield from own_keys(ask.strategies, ["sync_every"])


def _has_ends(option: Option) -> bool:
    """Whether the loss of an option is known but for a price that lies between two ends."""
    bits = option.ask.payload_bits
    price = price_of(1e9, communication_of(option.strategy, bits, bits))
    return bool(price.low != price.high)


def _of_power(topology: Topology, ask: Ask) -> Iterator[Reason]:
    """Powers of datacenters that count nowhere, as others say none; and such carbon."""
    sites = [(site_path(place), site) for place, site in enumerate(ask.topology.datacenters) if site.power is not None]
    if rates(topology).computing_w is None:
        why = "nobody says what the chips of every datacenter draw"
        yield why, [key for path, site in sites for key in given(site, path, "power")]
    elif any(site.power is None or site.power.carbon_g_per_kwh is None for site in topology.datacenters):
        own = ((path, site.power) for path, site in sites if site.power is not None)
        yield (
            "not every datacenter has one",
            [key for path, power in own for key in given(power, f"{path}.power", "carbon")],
        )


def _telling(everything: Sequence[Option]) -> Iterator[Option]:
    """For each strategy the options on the most datacenters and on a single one; the others use no further keys."""
    most: dict[tuple[object, ...], int] = {}
    for option in everything:
        most[option.family[0],] = max(len(option.sites), most.get((option.family[0],), 0))
    first: dict[tuple[object, ...], Option] = {}
    for option in everything:
        if len(option.sites) in (1, most[option.family[0],]):
            first.setdefault((option.family[0], option.sites), option)
    yield from sorted(first.values(), key=lambda option: -len(option.sites))


def _seen_by(ask: Ask, option: Option) -> dict[str, str]:
    """Keys without effect on one option, with the reason; the reason is empty where the option has no such part."""
    scenario = option.scenario(ask.params[0] if ask.params else 1e9, 2.0**20, option.sync_every)
    job = plan_job(scenario, option.strategy, 1)
    places = {site.name: place for place, site in enumerate(ask.topology.datacenters)}
    entry = next(p for p, each in enumerate(ask.strategies) if parse_strategy(each).items() <= option.document.items())
    found: dict[str, str] = {site_path(place): "" for name, place in places.items() if name not in option.sites}
    found |= {f"strategies[{place}]": "" for place in range(len(ask.strategies)) if place != entry}
    if len(option.sites) == 1:
        found |= dict.fromkeys(
            (f"topology.{key}" for key in ("links", "routes", "routers", "transport", "collective")), ""
        )
    names = {f"{site_path(place)}": site_path(places[name]) for place, name in enumerate(option.sites)}
    names |= {"strategies[0]": f"strategies[{entry}]", "workload.payload_bits": "--payload-bits"}
    for path, why in by_path(of_jobs(scenario, [job])).items():
        if path.endswith(".chip"):  # whose memory counts
            continue
        start = next((start for start in names if path.startswith(start)), None)
        if start:
            found[names[start] + path.removeprefix(start)] = why
        elif path.startswith("topology."):
            found[path] = why
    return found
