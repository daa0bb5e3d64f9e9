"""The flops of a step of one run as its blocks have them, beside the rule of 6 N D and what the run computes with."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ArgumentError
from ...laws.flops import FLOP_PER_WEIGHT, attention_flop_per_token, parts, rule_flop
from ...laws.model_family import SEQUENCE_TOKENS
from ...laws.shapes import SHAPES, TransformerShape
from ...scenario.model import Scenario
from ...simulation.results import Run
from ...trace.given import GivenSeconds
from ...trace.series import read_recording, recording_path
from ...units.in_words import human_count
from ...workload.documents import AnalyticWorkload, TraceWorkload


@dataclass(frozen=True)
class Counted:
    """A summand, a sum or a rule: the flops of a step with causal and with full attention.

    Attributes:
      what, formula: its name, and in letters.
      causal_flop, full_flop: of a step, all chips together [flop].
      causal_of_rule, full_of_rule: the same over 6 N D.
    """

    what: str
    formula: str
    causal_flop: float
    full_flop: float
    causal_of_rule: float
    full_of_rule: float


@dataclass(frozen=True)
class Flops:
    """The flops of a step, side by side.

    Attributes:
      params: N of the run, by which the rule counts.
      counted_params: parameters in the matrices of the shape.
      sequence_tokens, batch_tokens: T, and B T of a step [tokens].
      blocks: summands of the whole model.
      sums: their sum, and the rules beside it.
      remark: what the run computes with.
    """

    params: float
    counted_params: int
    sequence_tokens: int
    batch_tokens: float
    blocks: tuple[Counted, ...]
    sums: tuple[Counted, ...]
    remark: str


def count(scenario: Scenario, run: Run, shape: TransformerShape | None = None) -> Flops:
    """Counts the flops of a step of a run.

    Args:
      scenario: what was asked.
      run: its run.
      shape: of the model; None: of the named or recorded one.

    Raises:
      InputError: the shape of the model is not known.
    """
    known, sequence_tokens, computed = _known(scenario, run)
    shape = shape or known
    if isinstance(scenario.workload, AnalyticWorkload) and scenario.workload.active_params is not None:
        raise ArgumentError("{flops}: a mixture of experts is not counted block by block; leave out {flops}")
    if shape is None:
        told = (
            "{flops}: nobody says what {params} parameters look like; write {shape} with a name, such as llama-3-70b, "
            "or layers=80,width=8192,hidden=28672,heads=64,kv_heads=8,vocab=128256"
        )
        raise ArgumentError(told, params=human_count(run.params))
    tokens = run.batch_tokens
    rule = rule_flop(run.params, tokens)

    def line(what: str, formula: str, causal: float, full: float) -> Counted:
        return Counted(what, formula, causal * tokens, full * tokens, causal * tokens / rule, full * tokens / rule)

    causal, full = (parts(shape, sequence_tokens, mask) for mask in ("causal", "full"))
    blocks = tuple(line(f.what, f.formula, c.flop, f.flop) for c, f in zip(causal, full, strict=True))
    attends = [
        attention_flop_per_token(shape.layers, shape.heads_width, sequence_tokens, m) for m in ("causal", "full")
    ]
    own = FLOP_PER_WEIGHT * run.params
    sums = (
        line("all blocks", "", sum(part.flop for part in causal), sum(part.flop for part in full)),
        line("the rule", "6 N B T", own, own),
        line("the rule, and attention", "6 N B T + 12 B T^2 N_q H L", own + attends[0], own + attends[1]),
    )
    return Flops(run.params, shape.params, sequence_tokens, tokens, blocks, sums, computed)


def _known(scenario: Scenario, run: Run) -> tuple[TransformerShape | None, int, str]:
    """The shape that the workload tells, the tokens of a sequence, and what the run computes with."""
    workload = scenario.workload
    if isinstance(workload, AnalyticWorkload):
        named = SHAPES[workload.model] if workload.model else None
        if workload.step_time_s is not None:
            return named, SEQUENCE_TOKENS, "The run has the seconds of a step as given, whatever its flops are."
        if workload.attention is None:
            return named, SEQUENCE_TOKENS, "The run computes with 6 N flops a token (of the active parameters)."
        did = f"The run computes with 6 N flops a token, and {workload.attention.mask} attention."
        return named, workload.attention.sequence_tokens, did
    return _recorded(workload)


def _recorded(workload: TraceWorkload) -> tuple[TransformerShape | None, int, str]:
    if isinstance(workload.trace, GivenSeconds):
        return None, SEQUENCE_TOKENS, "The run has the seconds of a step as given, whatever its flops are."
    header = read_recording(recording_path(workload.trace)).header
    did = "rescaled by 6 N flops a token" if workload.rescale else "as they are"
    sequence_tokens = header.sequence_length or SEQUENCE_TOKENS
    if header.model.sizes is None:
        return None, sequence_tokens, f"The run has recorded seconds, {did}; its trace does not say the model's shape."
    layers, heads, width, hidden, vocab = header.model.sizes
    shape = TransformerShape(
        layers=layers,
        width=width,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_width=width // heads,
        vocab=vocab,
        gated=False,
        tied=True,
    )
    return shape, sequence_tokens, f"The run has recorded seconds, {did}; the recorded model is the trainer's."
