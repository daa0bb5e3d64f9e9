"""Of a trace: the corpora of a mixture, and losses on held-out text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..documents.validation import Frozen, Name
from .records import Size


class RecordedCorpus(Frozen):
    """One corpus of a mixture."""

    name: Name
    """The corpus as the run named it."""
    share: float = Field(ge=0, le=1)
    """Of the sequences of training; 0 where it was only evaluated on."""
    fingerprint: Name
    """Hash of text, split and tokenizer: losses on a corpus compare between runs where it is equal."""


class HeldOutCorpus(Frozen):
    """The loss on the held-out text of one corpus of a mixture."""

    name: Name
    """The corpus, as in the header."""
    loss: float
    """Mean cross-entropy [nats per token]."""
    loss_error: float = Field(ge=0)
    """Its standard error over the sequences [nats per token]."""
    tokens: Size
    """Tokens that were predicted [tokens]."""


class HeldOut(Frozen):
    """The loss of the global model on held-out text, after an inner step."""

    record: Literal["held-out"] = "held-out"
    step: int = Field(ge=0)
    """The inner step that it followed; 0 before the first."""
    loss: float
    """Mean cross-entropy; of a mixture the mean of its corpora by their shares of training [nats per token]."""
    loss_error: float = Field(ge=0)
    """Its standard error over the sequences [nats per token]."""
    tokens: Size
    """Tokens that were predicted [tokens]."""
    corpora: tuple[HeldOutCorpus, ...] = ()
    """The loss on each corpus of a mixture; empty for a run on one."""
    warmup: Literal[False] = False
    """Nothing is evaluated in the warm-up."""
