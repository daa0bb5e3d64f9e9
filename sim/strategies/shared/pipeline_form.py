"""The closed form of a lone pipeline with equal stages and borders, and a bound for all, at the published cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from ...engine.ops import Collective
from ...network.closed_forms import ideal_all_reduce_s
from ...units.in_words import human_seconds
from .closed_form import Summand
from .pipelining import gpipe_s
from .setting import Setting

_ROUNDING = 1e-9


def gpipe_waits(
    setting: Setting, microbatches: int, step_s: Sequence[float], message_bytes: float, exchanges: Sequence[Collective]
) -> tuple[Summand, ...] | None:
    """What a step of a lone GPipe takes beside the compute of a stage; None where stages or borders differ.

    Args:
      setting: with the workers of one pipeline.
      microbatches: m.
      step_s: compute of each worker in a step [s].
      message_bytes: of a message [byte].
      exchanges: of the gradients of each worker, inside its datacenter.
    """
    border, inside = _equal_border(setting, message_bytes), _inside(setting, exchanges)
    if border is None or inside is None or max(step_s) - min(step_s) > _ROUNDING * max(step_s):
        return None
    stages, (sending_s, late_s) = setting.workers, border
    forward_s = step_s[0] * setting.load.forward_share / microbatches
    backward_s = step_s[0] / microbatches - forward_s
    bubble_s = (stages - 1) * (forward_s + backward_s)
    added_s = gpipe_s(stages, microbatches, forward_s, backward_s, sending_s, late_s) - step_s[0] - bubble_s
    numbers = partial("{} x {}".format, stages - 1, human_seconds(forward_s + backward_s))
    letters = "2 (p - 1)(t + e) + (m - 1)[max(F, t) + max(B, t) - F - B]"
    words = partial("t = {}, e = {}".format, human_seconds(sending_s), human_seconds(late_s))
    return (
        Summand("waiting for other stages", "(p - 1)(F + B)", numbers, bubble_s, bubble_s),
        Summand("activations at borders, and their gradients", letters, words, added_s, added_s),
        *inside,
    )


def _equal_border(setting: Setting, message_bytes: float) -> tuple[float, float] | None:
    """For how long a message occupies its way, and how much later it arrives; None where ways differ, or meet [s]."""
    pairs = [ends for worker in setting.everyone[1:] for ends in ((worker - 1, worker), (worker, worker - 1))]
    routes = {setting.route(*ends)[:3] for ends in pairs}
    used = [hop for ends in pairs for hop in setting.hops(*ends)] if setting.hops else []
    if len(routes) != 1 or len(used) != len(set(used)) or setting.parts_inside:
        return None
    bandwidth, latency_s, overhead_s = routes.pop()
    return 8 * message_bytes / bandwidth + overhead_s, latency_s


def _inside(setting: Setting, exchanges: Sequence[Collective]) -> tuple[Summand, ...] | None:
    """The exchange of gradients inside the first site, which the others do not outlast; None if one does."""
    if setting.load.inside_included:
        return ()
    chips, found = setting.load.deal.worker_chips, []
    for worker, one in enumerate(exchanges):
        each_s = ideal_all_reduce_s(one.payload_bytes, chips[worker], *setting.inside[worker])
        found.append((each_s, each_s - one.behind_s))
    (each_s, shown_s), *others = found
    if any(other_s > shown_s * (1 + _ROUNDING) for _, other_s in others):
        return None
    letters = "[(2 N b/(p W0))(1 - p/R) + e0]"
    return (Summand("gradients inside a datacenter", letters, partial(human_seconds, each_s), each_s, shown_s),)


def busiest_border_s(setting: Setting, stages: int, chunks: int, sizes: Sequence[float]) -> float:
    """The longest time for which messages of one direction between two workers occupy their route in a step [s].

    Args:
      setting: of all pipelines.
      stages: p.
      chunks: v.
      sizes: of what passes a border in a step, at each worker [byte].
    """
    busy_s = defaultdict[tuple[int, int], float](float)
    for worker, size_bytes in enumerate(sizes):
        first, place = worker - worker % stages, worker % stages
        after = first + (place + 1) % stages
        times = chunks - (place == stages - 1)  # the last stage of all has none after it
        for ends in ((worker, after), (after, worker)) if times else ():
            busy_s[ends] += times * 8 * size_bytes / setting.route(*ends).bandwidth_bits_per_s
    return max(busy_s.values())
