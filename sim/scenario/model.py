"""The scenario: topology, workload and strategies in one YAML document, with every override through one validation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..documents.validation import Frozen, Name
from ..strategies import Strategy
from ..topology.model import PUBLISHED, CollectiveName, Topology
from ..workload.documents import Workload


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

    @property
    def algorithm(self) -> str:
        """How an all-reduce between datacenters is done; `ideal` is the old name of `published`."""
        given = self.collective or self.topology.collective
        return PUBLISHED if given == "ideal" else given


def schema() -> dict[str, Any]:
    """The JSON schema of a scenario file."""
    names: dict[str, Any] = {
        "type": "string",
        "description": "a name that `simulate list` knows, or a path to a YAML file",
    }
    full = Scenario.model_json_schema(by_alias=True)
    for key in ("topology", "workload"):
        full["properties"][key] = {"anyOf": [names, full["properties"][key]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **full}
