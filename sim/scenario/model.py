"""The scenario: topology, workload and strategies in one YAML document, with every override through one validation."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

from pydantic import Field

from ..documents.validation import Frozen, Name
from ..strategies import Strategy
from ..topology.model import PUBLISHED, CollectiveName, Topology
from ..workload.documents import Workload
from .failures import Failures
from .sweep import Section
from .variation import Capacities, with_amounts, with_bits, with_parameters


class Scenario(Frozen):
    """One question to the simulator.

    In a file `topology` may also be a name or a path, and `workload` a name or a path; `load_scenario` looks them up.
    """

    name: Name = "scenario"
    topology: Topology
    workload: Workload
    strategies: tuple[Strategy, ...] = Field(min_length=1)
    """What to compare, in the order of the report."""
    collective: CollectiveName | None = None
    """How an all-reduce between datacenters is done; the topology's way unless given."""
    jobs: Literal["alone", "together"] = "alone"
    """`alone`: each strategy has the network to itself; `together`: all run at once and compete for the links."""
    replay: Literal["steady", "full"] = "steady"
    """`steady`: replay until the run repeats itself and continue it exactly; `full`: replay every step."""
    failures: Failures | None = None
    """What breaks, and what runs do about it; only `simulate goodput` looks at it."""

    @property
    def algorithm(self) -> str:
        """How an all-reduce between datacenters is done; `ideal` is the old name of `published`."""
        given = self.collective or self.topology.collective
        return PUBLISHED if given == "ideal" else given

    def vary(
        self,
        *,
        bandwidth_across: float | None = None,
        latency_across: float | None = None,
        bandwidth_inside: float | None = None,
        latency_inside: float | None = None,
        chip_speed: float | None = None,
        compute: float | None = None,
        link: str | None = None,
        site: str | None = None,
        clip: bool = False,
        chips: int | None = None,
        steps: int | None = None,
        tokens: float | str | None = None,
        batch_tokens: float | str | None = None,
        params: float | str | None = None,
        payload_bits: float | None = None,
        **parameters: Any,
    ) -> Scenario:
        """A copy of the scenario with some of it changed.

        What the hardware offers (links, insides, chips) is changed by a factor; how much there is to do, and how, by
        its new value. Everything else stays: names and descriptions, and a key that was left out is still left out.

        Example:
          `scenario.vary(bandwidth_across=2.0, sync_every=100)`: links twice as wide, an outer step every 100 steps.

        Args:
          bandwidth_across: factor on the bandwidth of the links between sites, at all times where it varies.
          latency_across: factor on the latency of the links.
          bandwidth_inside: factor on what a chip has for an all-reduce inside its datacenter (between nodes, if any).
          latency_inside: factor on the latency of an exchange inside a datacenter.
          chip_speed: factor on the useful flop/s of the chips, wherever it is said.
          compute: the same factor where a step is given as a `step_time` too, which becomes so many times shorter.
          link: `a -> b` or `a <-> b`: changes this link alone, in both directions where it has two.
          site: the name of a datacenter: changes chips and network inside this one alone.
          clip: whether a capacity out of the range of what is simulated is brought back into it, rather than refused.
          chips: value: chips in all, R.
          steps: value: inner steps T, in place of tokens.
          tokens: value: tokens to train on, D, in place of steps (140e9, or "140B") [tokens].
          batch_tokens: value: global batch B [tokens].
          params: value: parameters N of a model of the same layers; what was left out follows from it.
          payload_bits: value: bits per exchanged parameter, of the workload and of strategies with bits of their own.
          parameters: values: keys of strategies, set in every strategy that has the key: `sync_every=100`,
            `replicas=4`, `grace=5.0` (a bare number is in the SI base unit) or `grace="5 s"`; None: as if left out.

        Raises:
          InputError: a result is out of range, or there is no such link, site or parameter; names the argument.
        """
        capacities = Capacities(
            bandwidth_across, latency_across, bandwidth_inside, latency_inside, chip_speed, compute, link, site, clip
        )
        amounts = {
            "chips": chips,
            "steps": steps,
            "tokens": tokens,
            "batch_tokens": batch_tokens,
            "params": params,
            "payload_bits": payload_bits,
        }
        known = [*(field.name for field in fields(Capacities)), *amounts]
        return self.replaced(
            topology=capacities.topology(self.topology, self.workload),
            workload=with_amounts(capacities.workload(self.workload, self.topology), amounts),
            strategies=with_parameters(with_bits(self.strategies, payload_bits), parameters, known),
        )


def schema() -> dict[str, Any]:
    """The JSON schema of a scenario file."""
    names: dict[str, Any] = {
        "type": "string",
        "description": "a name that `simulate list` knows, or a path to a YAML file",
    }
    full = Scenario.model_json_schema(by_alias=True)
    for key in ("topology", "workload"):
        full["properties"][key] = {"anyOf": [names, full["properties"][key]]}
    entry = {"type": "string", "description": "a kind, or kind:key=value,key=value, as after --strategy"}
    full["properties"]["strategies"]["items"] = {"anyOf": [entry, full["properties"]["strategies"]["items"]]}
    section = Section.model_json_schema(by_alias=True)
    full["$defs"] |= section.pop("$defs") | {"Section": section}
    full["properties"]["sweep"] = {"$ref": "#/$defs/Section", "description": "Points for `simulate sweep`."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **full}
