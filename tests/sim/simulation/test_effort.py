"""No scenario is slow: what is replayed of 150,000 steps is a small part of them, whatever the strategy and the network.

Steps are counted, not seconds, so that a slow machine passes. Where nothing repeats, every step is replayed: those are
listed, and no others. `python -m benchmarks.scenarios` measures seconds.
"""

import subprocess
import sys

import pytest

from benchmarks.scenarios import NETWORKS, STEPS, STRATEGIES, scenario
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes

FEW = 2000
ALL = {
    ("elastic-diloco", "schedule"): 85_000,
    ("two-level-diloco", "schedule"): 5_000,
    ("two-level-diloco", "outages"): 5_000,
}
"""A replica that is always late falls ever further behind while the links are thin; periods of two levels are longer."""
QUICK = [each for each in NETWORKS if each != "jittered"]


@pytest.mark.parametrize("network", QUICK)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_few_steps_are_replayed(strategy, network):
    (found,) = outcomes(Scenario.model_validate(scenario(strategy, 3, network)))
    assert found.job.setting.load.steps == STEPS
    assert found.replayed_steps <= ALL.get((strategy, network), FEW)


@pytest.mark.parametrize("strategy", ["data-parallel", "diloco"])
def test_of_steps_that_vary_a_whole_recording_is_replayed_and_no_more_than_it_must(strategy):
    """997 recorded steps come round with the rounds after 997, or 29,910, steps; one such period and the rest do."""
    (found,) = outcomes(Scenario.model_validate(scenario(strategy, 3, "jittered")))
    period = 997 if strategy == "data-parallel" else 997 * 30
    assert found.replayed_steps == period + STEPS % period


@pytest.mark.parametrize("strategy", ["data-parallel, by layer", "streaming-diloco", "eager-diloco"])
def test_overlapped_exchanges_settle_within_a_recording_and_are_replayed_for_little_more_than_that(strategy):
    """The first rounds of a recording look the same when they come again; so one or two periods and the rest do."""
    (found,) = outcomes(Scenario.model_validate(scenario(strategy, 3, "jittered")))
    period = 997 if strategy.startswith("data-parallel") else 997 * 30
    assert period < found.replayed_steps <= 2 * period + STEPS % period + 20 * 30


def test_the_command_loads_nothing_heavy_at_published_costs():
    """Numpy alone was a sixth of the start of `simulate`; networkx and pint are for what a plain answer does not ask."""
    code = (
        "import sys; sys.argv = ['simulate', '--topology', 'low-bw']\n"
        "from sim.cli.command import main\n"
        "try: main()\n"
        "finally: print(sorted({'numpy', 'networkx', 'pint', 'jax', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stderr.strip() == "[]"
