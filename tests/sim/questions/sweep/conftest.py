"""What the tests of sweeps share: a small question over points that are computed in milliseconds."""

import pytest

from sim.documents.validation import validate
from sim.questions.sweep.asked import Asked
from sim.questions.sweep.scenarios import base_of
from sim.questions.sweep.section import Section, space_of
from sim.scenario.model import Scenario

LINK = {"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "10 ms"}
DOCUMENT = {
    "topology": {"name": "t", "datacenters": [{"name": "a"}, {"name": "b"}], "links": [LINK]},
    "workload": {"params": 1e9, "chips": 8, "batch_tokens": 65536, "steps": 60},
    "strategies": [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 10}],
}


@pytest.fixture
def scenario():
    return validate(Scenario, DOCUMENT, source="test")


@pytest.fixture
def question():
    """A question with its points: `question(sync_every="10,30")`."""

    def make(answer="run", *, section=None, options=None, document=DOCUMENT, **vary) -> Asked:
        space = space_of(section or Section(), list(vary.items()))
        return Asked(answer, base_of(lambda _: (dict(document), None), space, {}, "test"), space, options or {})

    return make
