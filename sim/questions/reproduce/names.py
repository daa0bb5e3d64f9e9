"""What can be reproduced, by name: known without computing anything."""

from __future__ import annotations

from typing import NamedTuple

_SCALING, _STREAMING, _EAGER = "arXiv 2503.09799", "arXiv 2501.18512", "arXiv 2502.12996"


class Published(NamedTuple):
    """A published table or figure: what it shows, and where it is."""

    title: str
    source: str


PUBLISHED = {
    "table-3": Published("Parameters of the models, from their shapes", f"{_SCALING}, Table 3"),
    "table-4": Published("Losses of 35M to 2.4B parameters", f"{_SCALING}, Table 4"),
    "table-5": Published("Losses of 4B and 10B parameters", f"{_SCALING}, Tables 5 and 12"),
    "table-6": Published("Bandwidth for a compute utilisation, DiLoCo", f"{_SCALING}, Table 6"),
    "table-7": Published("Law of the loss for each algorithm", f"{_SCALING}, Table 7"),
    "table-10": Published("Joint law of the loss in N and M", f"{_SCALING}, Table 10"),
    "table-11": Published("Losses of 2.4B predicted from smaller models", f"{_SCALING}, Table 11"),
    "table-13": Published("Losses of 2.4B predicted by four forms of the law", f"{_SCALING}, Table 13"),
    "figure-6": Published("Loss against idealised wall-clock", f"{_SCALING}, Figure 6"),
    "figure-12": Published("Loss against idealised wall-clock, 4 and 16 times the tokens", f"{_SCALING}, Figure 12"),
    "streaming-table-4": Published("Bandwidth for a compute utilisation, Streaming DiLoCo", f"{_STREAMING}, Table 4"),
    "eager-table-5": Published("Bandwidth for a compute utilisation, eager updates", f"{_EAGER}, Table 5"),
    "diloco-measured": Published("Outer synchronisations over shaped links", "github Adnan082/diloco-measured"),
    "open-diloco": Published("Outer synchronisations over the Internet", "arXiv 2407.07852"),
}
"""The published numbers that the package can compute again, and the names that ask for them."""
