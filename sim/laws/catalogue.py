"""Every law by name: its form, its constants as the code has them, its source, and the range of its fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import chinchilla, communication, data_constrained, experts, flops, inference, kaplan, published
from .beyond import distillation, many_experts, tasks
from .critical_batch import KAPLAN


@dataclass(frozen=True)
class KnownLaw:
    """A law.

    Attributes:
      name: by which commands know it.
      gives: what it says.
      form: its formula.
      constants: by name.
      fitted: to what it was fitted, and over which range.
      source: where it was published, or who fitted it.
    """

    name: str
    gives: str
    form: str
    constants: Mapping[str, float]
    fitted: str
    source: str


_FAMILY = "35M to 2.4B parameters, 20 tokens a parameter of C4; DiLoCo with H = 30 and M = 1, 2, 4, 8"
_WEBTEXT = "768 to 1.5B parameters without embeddings, WebText2, sequences of 1,024 tokens"
_MASSIVETEXT = "44M to 16B parameters, MassiveText"


def _table(laws: Mapping[str, published.Law]) -> dict[str, float]:
    """The constants of a published table, a row after the other."""
    letters = ("A", "alpha", "beta")
    return {
        f"{letter} ({row})": value
        for row, law in laws.items()
        for letter, value in zip(letters, law, strict=True)
        if letter != "beta" or value
    }


def laws() -> tuple[KnownLaw, ...]:
    """All of them: DiLoCo's, Kaplan's, Chinchilla's, those of special cases, and those beyond N and D."""
    return (*_diloco(), *_communication(), *_kaplan(), *_chinchilla(), *_special(), *_beyond())


def _diloco() -> tuple[KnownLaw, ...]:
    paper = "arXiv 2503.09799"
    outer = {f"rate (M={replicas})": rate for replicas, rate in published.OUTER_LEARNING_RATE.items()}
    return (
        KnownLaw(
            "diloco",
            "loss after 20 N tokens",
            "A N^alpha M^beta",
            _table(published.LOSS),
            _FAMILY,
            f"{paper}, Tables 7 and 10",
        ),
        KnownLaw(
            "diloco-floor",
            "loss after 20 N tokens, of models above 2.4B",
            "C + A (N/1e9)^alpha M^beta",
            {"C": published.FLOOR} | _table(published.LOSS_OVER_FLOOR),
            "35M to 10B parameters (M = 8: to 2.4B)",
            f"fitted here to {paper}, Tables 4, 5 and 12",
        ),
        KnownLaw(
            "best-batch",
            "best batch [sequences of 2,048 tokens]",
            "A N^alpha M^beta",
            _table(published.BATCH_SEQUENCES),
            _FAMILY,
            f"{paper}, Tables 9 and 10",
        ),
        KnownLaw(
            "inner-learning-rate",
            "best peak rate of the inner optimizer",
            "A N^alpha M^beta",
            _table(published.INNER_LEARNING_RATE),
            _FAMILY,
            f"{paper}, Tables 8 and 10",
        ),
        KnownLaw(
            "outer-learning-rate",
            "best rate of the outer optimizer",
            "a constant for each M",
            outer,
            "335M to 2.4B parameters; smaller ones scatter between 0.4 and 1.0",
            f"{paper}, Figure 7",
        ),
    )


def _communication() -> tuple[KnownLaw, ...]:
    own = "fitted here, experiments/communication.py, to"
    streaming, eager, muloco = "arXiv 2501.18512, Table 6", "arXiv 2502.12996, Tables 2 and 6", "arXiv 2505.23725"
    c = communication
    return (
        KnownLaw(
            "price-of-h", "change of the log of the loss with another H than 30", "a ln(M) ln(H/30)",
            {
                "a": c.CADENCE_SLOPE, "spread of a slope": c.CADENCE_SPREAD,
                "steepest above 30, over ln(M)": c.STEEPEST_RARER, "steepest below 30": c.STEEPEST_OFTENER,
            },
            "H = 30 and 100, M = 2 and 4, 35M to 1B parameters; ends beyond that from models of 164k",
            f"{own} {streaming}, {eager}, and the small study",
        ),
        KnownLaw(
            "price-of-lateness", "change of the log of the loss with results that are used a round late (eager)",
            "a (N/1e9)^c",
            {
                "a": c.EAGER_SIZE, "c": c.EAGER_EXPONENT, "spread": c.EAGER_SPREAD,
                "one step late: low": c.BITS_LOW, "one step late: high": c.BITS_HIGH, "widest known": c.WIDEST,
            },
            "M = 2, H = 30 and 100, 35M to 1B parameters", f"{own} {eager}",
        ),
        KnownLaw(
            "price-of-bits", "change of the log of the loss with 4 to 15 bits in an outer exchange", "0",
            {"low": c.BITS_LOW, "high": c.BITS_HIGH},
            "4 bits, M = 2, H = 30, 35M to 1B parameters; 4 and 8 bits in models of 164k",
            f"{own} {streaming}, and the small study",
        ),
        KnownLaw(
            "price-of-many-replicas", "change of the log of the loss beyond 8 replicas, over the law's M^beta",
            "0, ends in proportion to log2(M/8)", {"low": c.MANY_LOW, "high": c.MANY_HIGH},
            "M = 16 against M = 1, H = 30, 150M to 15B parameters", f"{own} {muloco}, scaling study",
        ),
    )  # fmt: skip


def _kaplan() -> tuple[KnownLaw, ...]:
    paper = "arXiv 2001.08361"
    one, both = {"aN": kaplan.A_N, "Nc": kaplan.N_C}, {"aD": kaplan.A_D, "Dc": kaplan.D_C_TOKENS}
    compute = {"aC": kaplan.A_C, "Cc [petaflop/s days]": kaplan.C_C_PETAFLOP_DAYS}
    steps = tuple(
        KnownLaw(
            f"{name}-steps", "loss after S steps at batch B", "(Nc/N)^aN + (Sc/S_min)^aS, S_min = S/(1 + Bcrit(L)/B)",
            {
                "aN": law.a_N, "Nc": law.N_c, "aS": law.a_S, "Sc": law.S_c, "B*": law.batch.tokens,
                "aB": law.batch.exponent,
            },
            fitted, source,
        )
        for (name, law), (fitted, source) in zip(
            kaplan.STEP_LAWS.items(),
            (
                (_WEBTEXT, f"{paper}, equation 1.6 and Table 3"),
                ("C4; no second source confirms them", "arXiv 2403.06563"),
            ),
            strict=True,
        )
    )  # fmt: skip
    return (
        KnownLaw("kaplan-params", "loss with ample data", "(Nc/N)^aN", one, _WEBTEXT, f"{paper}, equation 1.1"),
        KnownLaw("kaplan-tokens", "loss of a large model", "(Dc/D)^aD", both, _WEBTEXT, f"{paper}, equation 1.2"),
        KnownLaw(
            "kaplan-compute", "loss of the best model for C flop", "(Cc/C)^aC", compute, _WEBTEXT,
            f"{paper}, equation 1.3",
        ),
        KnownLaw(
            "kaplan", "loss from N and D", "[(Nc/N)^(aN/aD) + Dc/D]^aD", one | both, _WEBTEXT,
            f"{paper}, equation 1.5",
        ),
        *steps,
        KnownLaw(
            "critical-batch", "batch at which steps and tokens are both twice the fewest [tokens]", "B*/L^(1/aB)",
            {"B*": KAPLAN.tokens, "aB": KAPLAN.exponent}, f"{_WEBTEXT}; losses above 2",
            f"arXiv 1812.06162; {paper}, equation 1.4",
        ),
    )  # fmt: skip


def _chinchilla() -> tuple[KnownLaw, ...]:
    form = "E + A/N^a + B/D^b"
    sources = {"hoffmann": "arXiv 2203.15556, approach 3 (digits: arXiv 2404.10102)", "epoch": "arXiv 2404.10102"}
    names = {"hoffmann": "chinchilla", "epoch": "epoch"}
    return tuple(
        KnownLaw(names[fit], "loss from N and D", form, vars(constants), _MASSIVETEXT, sources[fit])
        for fit, constants in chinchilla.CONSTANTS.items()
    )


def _special() -> tuple[KnownLaw, ...]:
    return (
        KnownLaw(
            "data-constrained", "fresh tokens that D with repeats are worth [tokens]",
            "U + U R* (1 - exp(-(D/U - 1)/R*))", {"R*": data_constrained.REPEATS_WORTH},
            "up to 9B parameters and 900B tokens of C4", "arXiv 2305.16264, equation 5",
        ),
        KnownLaw(
            "inference-aware", "N and D with the least flop of training and inference at a loss",
            "min 6 N D + 2 N D_inference, E + A/N^a + B/D^b = L", vars(inference.CONSTANTS), _MASSIVETEXT,
            "arXiv 2401.00448, equation 3",
        ),
        KnownLaw(
            "routed-experts", "dense model of the same loss", "log L = a log N + b log E' + c log N log E' + d",
            {
                "a": experts.SLOPE_N, "b": experts.SLOPE_E, "c": experts.CROSS, "E_start": experts.EXPERTS_START,
                "E_max": experts.EXPERTS_MAX,
            },
            f"{experts.FITTED_EXPERTS[0]} to {experts.FITTED_EXPERTS[1]} experts, 130B tokens (S-BASE)",
            "arXiv 2202.01169, equation 1 and Table 3",
        ),
        KnownLaw(
            "flops", "flops of training [flop]", "6 N D + 12 L T W D (half of it if causal)",
            {"weights": flops.FLOP_PER_WEIGHT, "attention": flops.ATTENTION_FLOP}, "nothing: flops are counted",
            "arXiv 2001.08361, section 2.1; arXiv 2204.02311, appendix B",
        ),
    )  # fmt: skip


def _beyond() -> tuple[KnownLaw, ...]:
    paper = "arXiv 2502.08606"
    trained = {f"{name} ({data})": value for data, law in tasks.TRAINED.items() for name, value in vars(law).items()}
    return (
        KnownLaw(
            "distillation", "loss of a student",
            "L_T + L_T^-c0 [1 + (L_T/(L d1))^(1/f1)]^(-c1 f1) (A'/N^a' + B'/D^b')^g', L = distillation-supervised",
            distillation.STUDENT,
            "students of 143M to 7.75B parameters, 3.7B to 512B tokens of C4, teachers of loss 1.9 to 2.8",
            f"{paper}, equation 8 and Table 6",
        ),
        KnownLaw(
            "distillation-supervised", "loss of the same models without a teacher, and of teachers",
            "E + (A/N^a + B/D^b)^g", distillation.SUPERVISED, "143M to 12.6B parameters, to 512B tokens of C4",
            f"{paper}, equation 1 and Table 6",
        ),
        KnownLaw(
            "granular-experts", "loss of a mixture of experts of granularity G",
            "c + (g/G^gamma + a)/N^alpha + b/D^beta", many_experts.GRANULAR,
            "129M to 3.7B parameters, 16B to 130B tokens, G from 1 to 16, 64 experts' worth of parameters",
            "arXiv 2402.07871, equation 9 and Table 1",
        ),
        KnownLaw(
            "joint-experts", "loss from active parameters, tokens and experts",
            "a E'^delta N^(alpha + gamma ln E') + b E'^omega D^(beta + zeta ln E') + c", many_experts.JOINT,
            "79M to 2.7B active parameters, 5B in all, 0.5B to 80B tokens, 1 to 32 experts",
            "arXiv 2502.05172, equation 6 and Table 3",
        ),
        KnownLaw(
            "over-training", "loss on C4, and mean top-1 error over 17 tasks",
            "E + (a M^eta + b M^-eta) C^-eta with M = D/N, C = 6 N D; eps - k exp(-gamma L)", trained,
            "11M to 1.4B parameters, 20 to 320 tokens a parameter; tried to 6.9B and 640",
            "arXiv 2403.08540, equations 4 and 5, Table 6",
        ),
    )  # fmt: skip
