"""What a strategy is where nothing else is said: one value for the simulator and the trainer."""

from __future__ import annotations

REPLICAS = 2
"""DiLoCo replicas M, of any algorithm that has outer steps."""
SYNC_EVERY = 30
"""Inner steps H between outer steps."""
OVERLAP_STEPS = 1
"""Inner steps tau that begin without the result of a fragment's exchange (arXiv 2501.18512)."""
LAYERS_PER_FRAGMENT = 3
"""Layers in a fragment (arXiv 2501.18512)."""
PAYLOAD_BITS = 16
"""Bits of an exchanged parameter: bfloat16, in which models are trained [bit].

A run of the trainer in float32, as on a CPU, exchanges 32: what it has, unless it is told to round.
"""
