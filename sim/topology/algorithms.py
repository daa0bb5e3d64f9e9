"""Names of the ways to make an exchange between sites."""

from __future__ import annotations

from typing import Literal

PUBLISHED = "published"
"""The name of the collective at its published cost."""
CollectiveName = Literal[
    "published",
    "ideal",
    "auto",
    "ring",
    "chunked-ring",
    "double-tree",
    "halving-doubling",
    "direct",
    "star",
    "hierarchical",
    "store",
]
