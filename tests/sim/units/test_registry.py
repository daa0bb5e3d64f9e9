"""Units that are known without the registry are those of the registry."""

import subprocess
import sys

import pytest

from sim.units import registry


@pytest.mark.parametrize(("name", "base"), registry._PLAIN)
def test_a_plain_unit_is_what_the_registry_says(name, base):
    assert registry._by_registry(name, base) == registry.factor_of(name, base)


def test_plain_units_need_no_registry():
    code = (
        "import sys; from sim.units.quantities import BANDWIDTH, LATENCY, parse; "
        "parse('10 Gbit/s', BANDWIDTH); parse('5 ms', LATENCY); assert 'pint' not in sys.modules; "
        "parse('10 Gbps', BANDWIDTH); assert 'pint' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
