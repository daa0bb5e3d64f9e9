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
MERGED_EVERY = 24
"""H of decoupled-diloco (arXiv 2604.21428)."""
MERGED_OVERLAP_STEPS = 2
"""Its tau, where H is more than that."""
QUORUM = 1
"""Learners K that one of its exchanges needs."""
REGIONS = 2
"""Regions of an algorithm with two levels."""
ACROSS_EVERY = 4
"""Which of its exchanges are among all replicas: every K-th."""
SPARSE_CHUNK = 4096
"""Parameters of a chunk, of which a sparse algorithm sends the largest values (arXiv 2508.15706)."""
SPARSE_TOP = 64
"""Values of a chunk that it sends."""
SPARSE_BITS = 2
"""Bits of such a value, beside those of its place [bit]."""
PAYLOAD_BITS = 16
"""Bits of an exchanged parameter: bfloat16, in which models are trained [bit].

A run of the trainer in float32, as on a CPU, exchanges 32: what it has, unless it is told to round.
"""
