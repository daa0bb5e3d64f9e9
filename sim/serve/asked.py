"""What a state of the page asks: as the arguments of the command, from which alone the scenario is made.

So the page and the command that it shows cannot differ.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from ..defaults import SYNC_EVERY
from ..scenario.loading import load_scenario
from ..scenario.model import Scenario
from ..scenario.overrides import keys_of, parse_strategy
from ..strategies import STRATEGIES
from ..units.quantities import BANDWIDTH, LATENCY, to_text
from .networks import network
from .state import OWN_SIZE, Amount, State, count_text

_UNITS = {"bandwidth": BANDWIDTH, "latency": LATENCY}


@dataclass(frozen=True)
class Asked:
    """Arguments of the command.

    Attributes:
      topology, workload: names of what ships; no workload where the model is one of one's own.
      strategies: entries of `--strategy`.
      words: `params`, `chips`, `replicas`, `sync_every`, whichever are given.
      settings: entries of `--set`.
    """

    topology: str
    workload: str | None
    strategies: tuple[str, ...]
    words: tuple[tuple[str, Any], ...]
    settings: tuple[str, ...]

    def scenario(self) -> Scenario:
        """The scenario, made as the command makes it.

        Raises:
          InputError: the parts do not fit together.
        """
        return load_scenario(
            topology=self.topology,
            workload=self.workload,
            strategies=self.strategies,
            words=dict(self.words),
            settings=self.settings,
        )

    def arguments(self) -> list[str]:
        """What stands behind `simulate`."""
        pairs = [("--topology", self.topology)]
        pairs += [("--workload", self.workload)] if self.workload else []
        pairs += [(f"--{name.replace('_', '-')}", str(value)) for name, value in self.words if name == "params"]
        pairs += [("--strategy", entry) for entry in self.strategies]
        pairs += [(f"--{name.replace('_', '-')}", str(value)) for name, value in self.words if name != "params"]
        pairs += [("--set", entry) for entry in self.settings]
        return [word for pair in pairs for word in pair]

    def command(self) -> str:
        """The command for a shell, an option a line."""
        words = [shlex.quote(word) for word in self.arguments()]
        lines = [f"{option} {value}" for option, value in zip(words[::2], words[1::2], strict=True)]
        return " \\\n  ".join(["simulate", *lines])


def ask(state: State) -> Asked:
    """The arguments that a state stands for."""
    sites = network(state.topology).sites
    replicas = state.replicas or sites
    shared = {"replicas": replicas, "sync_every": state.sync_every or SYNC_EVERY}
    words = {
        "params": None if state.params is None else count_text(state.params),
        "chips": state.chips,
        **{name: value if takers(state, name) else None for name, value in shared.items()},
    }
    return Asked(
        topology=state.topology,
        workload=None if state.workload == OWN_SIZE else state.workload,
        strategies=tuple(_entry(entry, replicas, state.payload_bits) for entry in state.strategies),
        words=tuple((name, value) for name, value in words.items() if value is not None),
        settings=tuple(
            setting
            for field, amount in (("bandwidth", state.bandwidth), ("latency", state.latency))
            if amount is not None
            for setting in _settings(state.topology, field, amount)
        ),
    )


def takers(state: State, key: str) -> list[str]:
    """The strategies of a state that leave a parameter to the page: `replicas`, `sync_every` or `payload_bits`."""
    if key == "payload_bits":
        return [entry for entry in state.strategies if entry in STRATEGIES and STRATEGIES[entry]().has_outer_steps]
    documents = [(entry, parse_strategy(entry)) for entry in state.strategies]
    return [entry for entry, document in documents if key in keys_of(document["kind"]) and key not in document]


def _entry(entry: str, replicas: int, payload_bits: float | None) -> str:
    """A kind that was ticked, with what the page says of it; what somebody wrote stays as it is."""
    if entry not in STRATEGIES:
        return entry
    own: dict[str, str] = {}
    if "quorum" in keys_of(entry):  # all but one suffice, whatever the number of replicas
        own["quorum"] = str(max(1, replicas - 1))
    if payload_bits is not None and STRATEGIES[entry]().has_outer_steps:
        own["payload_bits"] = f"{payload_bits:.12g}"
    return f"{entry}:{','.join(f'{key}={value}' for key, value in own.items())}" if own else entry


def _settings(topology: str, field: str, amount: Amount) -> list[str]:
    """What sets a field of all links of a topology."""
    known = network(topology)
    written = [to_text(amount.of(value), _UNITS[field]) for value in known.values(field)]
    if known.generated:
        return [f'topology.generate.{field}="{written[0]}"'] if written else []
    return [f'topology.links[{number}].{field}="{text}"' for number, text in enumerate(written)]


def python(state: State, scenario: Scenario) -> str:
    """The same question for a program (docs/api.md)."""
    changes = [
        f"{field}={_python_amount(field, amount)}"
        for field, amount in (("bandwidth", state.bandwidth), ("latency", state.latency))
        if amount is not None
    ]
    links = f"tuple(link.replaced({', '.join(changes)}) for link in world.links)"
    kind = type(scenario.workload).__name__.replace("AnalyticWorkload", "Workload")
    work = repr(scenario.workload).partition("(")[2]
    return "\n".join(
        [
            "import crosshaul as ch",
            "",
            f'world = ch.topology("{state.topology}")',
            *([f"world = world.replaced(links={links})"] if changes else []),
            f"work = ch.{kind}({work}",
            "strategies = [",
            *(f"    ch.{strategy!r}," for strategy in scenario.strategies),
            "]",
            "runs = ch.run(world, work, strategies)",
            "print(runs)",
            "",
        ]
    )


def _python_amount(field: str, amount: Amount) -> str:
    if amount.factor:
        return f"link.{'bandwidth_bits_per_s' if field == 'bandwidth' else 'latency_s'} * {amount.number!r}"
    return f'"{to_text(amount.number, _UNITS[field])}"'
