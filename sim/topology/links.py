"""Links as users write them: ends, bandwidth (constant or over time), latency, loss; and the transport over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ..documents.validation import Frozen, requires_one_of
from ..errors import InputError
from ..units.quantities import BANDWIDTH, Bandwidth, Latency, Messages, Size, SizeOrNone, Streams, to_text
from .capacity import CapacityOverTime
from .schedules import Outages, Schedule

BANDWIDTH_EXAMPLES = ["10 Gbit/s"]
LATENCY_EXAMPLES = ["10 ms"]
BURST_EXAMPLES = ["256 KiB"]
Duplex = Literal["full", "half"]


def check_ends(between: tuple[str, str] | None, source: str | None, target: str | None, what: str) -> None:
    """Checks for two different ends, given by `between`, or by `from` and `to`.

    Raises:
      InputError: there are no ends, only one, both spellings, or the same end twice.
    """
    one_way = source is not None and target is not None
    if ((source is None) != (target is None)) or one_way == (between is not None):
        raise InputError(f"a {what} needs its two ends: write `between: [a, b]`, or `from: a` and `to: b`")
    first, second = between or (source, target)
    if first == second:
        raise InputError(f"a {what} from {first!r} to itself; name two different ends")


def _as_written(schema: dict[str, Any]) -> None:
    """A link in a file: its bandwidth may come from its schedule, and its latency from the locations of its ends."""
    requires_one_of(schema, "bandwidth", "schedule")
    schema["required"] = [key for key in schema["required"] if key != "latency"]


class Link(Frozen):
    """A link: `between` two nodes (full duplex: that bandwidth each way), or `from` one `to` another."""

    model_config = ConfigDict(json_schema_extra=_as_written)

    between: tuple[str, str] | None = Field(default=None, examples=[["a", "b"]])
    source: str | None = Field(default=None, alias="from", examples=["a"])
    target: str | None = Field(default=None, alias="to", examples=["b"])
    bandwidth_bits_per_s: Bandwidth = Field(alias="bandwidth", examples=BANDWIDTH_EXAMPLES)
    """Capacity of each direction, an upper limit of the schedule [bit/s]; default: the peak of the schedule."""
    latency_s: Latency = Field(alias="latency", examples=LATENCY_EXAMPLES)
    """One-way latency [s]; default between two known locations: that of a fibre (see `fibre_stretch`)."""
    duplex: Duplex = "full"
    """`full`: each direction has its own bandwidth; `half`: both directions share it."""
    loss: float = Field(default=0.0, ge=0, lt=1, strict=True, examples=[0.0001])
    """Probability that a packet is lost [-]."""
    burst_bytes: SizeOrNone = Field(default=0.0, alias="burst", examples=BURST_EXAMPLES)
    """Size of the token bucket of a shaper or policer, with headers [byte]: a burst that may pass at once; 0: none."""
    schedule: Schedule | None = None
    """Bandwidth over time; default: constant."""
    outages: Outages = ()
    """Times without any bandwidth: a list, or `{mtbf: ..., repair: ..., until: ...}`, of which they are drawn."""

    @model_validator(mode="before")
    @classmethod
    def _peak_is_the_bandwidth(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "schedule" not in data or data.get("bandwidth") is not None:
            return data
        try:
            schedule = Schedule.model_validate(data["schedule"])
        except ValidationError:
            return data | {"bandwidth": "1 bit/s"}  # so that only the mistake in the schedule is reported
        if not schedule.peak_bits_per_s:
            raise InputError("the schedule never has any bandwidth; give a point above 0, or take the link out")
        return data | {"schedule": schedule, "bandwidth": to_text(schedule.peak_bits_per_s, BANDWIDTH)}

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        check_ends(self.between, self.source, self.target, "link")
        if self.duplex == "half" and not self.between:
            raise InputError("`duplex: half` needs a link with two directions; write `between` instead of `from`, `to`")
        return self

    @property
    def ends(self) -> tuple[str, str]:
        """Both nodes, the sending one first."""
        return self.between if self.between else (self.source or "", self.target or "")

    def directions(self) -> list[tuple[str, str]]:
        """The directed pairs of the link."""
        start, end = self.ends
        return [(start, end), (end, start)] if self.between else [(start, end)]

    def with_bandwidth(self, change: Callable[[float], float]) -> Self:
        """The link with another bandwidth, at all points of its schedule.

        Args:
          change: a function from a bandwidth to the new one; it may be called with 0 [bit/s].
        """
        changes: dict[str, Any] = {"bandwidth": change(self.bandwidth_bits_per_s)}
        if self.schedule is not None:
            points = (point.replaced(bandwidth=change(point.bandwidth_bits_per_s)) for point in self.schedule.points)
            changes["schedule"] = self.schedule.replaced(points=tuple(points))
        return self.replaced(**changes)

    def profile(self, share: float = 1.0) -> CapacityOverTime:
        """Capacity over time of each direction (of both together for a half-duplex link).

        It is min(bandwidth, schedule), and 0 during an outage, times a share such as that of payload in packets.
        """
        outages = [(outage.start_s, outage.end_s) for outage in self.outages]
        if self.schedule is None:
            return CapacityOverTime.of([0.0], [self.bandwidth_bits_per_s * share], None, outages)
        points = self.schedule.points
        capacities = [min(self.bandwidth_bits_per_s, point.bandwidth_bits_per_s) * share for point in points]
        return CapacityOverTime.of([point.at_s for point in points], capacities, self.schedule.repeat_s, outages)


class Transport(Frozen):
    """The transport of data between sites: the caps of a flow beside its links, and overheads."""

    window_bytes: Size | None = Field(default=None, alias="window", examples=["64 MiB"])
    """Bytes in flight of one stream [byte], which cannot exceed window / round-trip time; default: no such cap."""
    streams: Streams = Field(default=1, examples=[8])
    """Parallel streams of a flow."""
    segment_bytes: Size = Field(default=1460.0, alias="segment", examples=["1460 B"])
    """Payload of a packet [byte]. Source of the default: an Ethernet frame of 1500 - 40 for IPv4 and TCP headers."""
    header_bytes: SizeOrNone = Field(default=0.0, alias="header", examples=["66 B"])
    """Headers of a packet [byte]: Ethernet 14, IPv4 20, TCP 20 (with timestamps 12 more)."""
    exchange_overhead_s: Latency = Field(default=0.0, alias="exchange_overhead", examples=["5 ms"])
    """Time of an exchange between sites before its first byte [s]: rendezvous, launch, copies in the hosts."""

    first_exchange_s: Latency = Field(default=0.0, alias="first_exchange", examples=["0.4 s"])
    """What an exchange among sites takes longer in the first round of a run, as it opens connections; for flows, not
    for `published` [s]."""
    messages: Messages = Field(default=1, examples=[57])
    """Messages that an exchange consists of (tensors that are summed one after another), each of which pays its
    latency. For flows, not for `published`."""
    send_buffer_bytes: SizeOrNone = Field(default=4194304.0, alias="send_buffer", examples=["4 MiB"])
    """Size of a sender's buffer [byte], for `chunked-ring`: a member continues when the rest of its last chunk fits
    into the buffer. Source of the default: the largest buffer that Linux uses by itself (tcp_wmem)."""

    @property
    def payload_share(self) -> float:
        """Share of a link's bandwidth for payload: segment / (segment + header) [-]."""
        return self.segment_bytes / (self.segment_bytes + self.header_bytes)


class RouteOverride(Frozen):
    """A route that is not the one of least latency."""

    between: tuple[str, str] | None = Field(default=None, examples=[["a", "b"]])
    """Both directions; the way back has the same nodes in reverse."""
    source: str | None = Field(default=None, alias="from", examples=["a"])
    target: str | None = Field(default=None, alias="to", examples=["b"])
    via: tuple[str, ...] = Field(examples=[["x", "y"]])
    """The nodes between the ends, in order; an empty list: the direct link."""

    @model_validator(mode="after")
    def _is_a_way(self) -> Self:
        check_ends(self.between, self.source, self.target, "route")
        nodes = self.ways()[0]
        twice = next((node for node in nodes if nodes.count(node) > 1), None)
        if twice:
            raise InputError(f"the route passes {twice!r} twice; name each node once")
        return self

    def ways(self) -> list[tuple[str, ...]]:
        """All nodes of the route, with its ends; both directions for `between`."""
        start, end = self.between or (self.source or "", self.target or "")
        there = (start, *self.via, end)
        return [there, there[::-1]] if self.between else [there]
