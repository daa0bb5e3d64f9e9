"""Links as people write them: ends, bandwidth (now and over time), latency, loss; and the transport across them."""

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
from ..units.quantities import BANDWIDTH, Bandwidth, Latency, Size, SizeOrNone, Streams, to_text
from .capacity import CapacityOverTime
from .schedules import Outage, Schedule

BANDWIDTH_EXAMPLES = ["10 Gbit/s"]
LATENCY_EXAMPLES = ["10 ms"]
BURST_EXAMPLES = ["256 KiB"]
Duplex = Literal["full", "half"]


def check_ends(between: tuple[str, str] | None, source: str | None, target: str | None, what: str) -> None:
    """Demands two different ends, written one way or the other.

    Raises:
      InputError: no ends, one end, both spellings, or the same end twice.
    """
    one_way = source is not None and target is not None
    if ((source is None) != (target is None)) or one_way == (between is not None):
        raise InputError(f"a {what} needs its two ends: write `between: [a, b]`, or `from: a` and `to: b`")
    first, second = between or (source, target)
    if first == second:
        raise InputError(f"a {what} from {first!r} to itself; name two different ends")


def _as_written(schema: dict[str, Any]) -> None:
    """A link in a file: its bandwidth may come from its schedule, and its latency from where its ends are."""
    requires_one_of(schema, "bandwidth", "schedule")
    schema["required"] = [key for key in schema["required"] if key != "latency"]


class Link(Frozen):
    """A wire: `between` two nodes (full duplex: that bandwidth each way), or `from` one `to` another."""

    model_config = ConfigDict(json_schema_extra=_as_written)

    between: tuple[str, str] | None = Field(default=None, examples=[["a", "b"]])
    source: str | None = Field(default=None, alias="from", examples=["a"])
    target: str | None = Field(default=None, alias="to", examples=["b"])
    bandwidth_bits_per_s: Bandwidth = Field(alias="bandwidth", examples=BANDWIDTH_EXAMPLES)
    """Capacity in each direction that the link has, never exceeded [bit/s]; left out: the peak of the schedule."""
    latency_s: Latency = Field(alias="latency", examples=LATENCY_EXAMPLES)
    """One-way latency [s]; left out between two known locations: that of a fibre (see `fibre_stretch`)."""
    duplex: Duplex = "full"
    """`full`: each direction has the bandwidth to itself; `half`: both directions share it."""
    loss: float = Field(default=0.0, ge=0, lt=1, strict=True, examples=[0.0001])
    """Probability that a packet is lost on the way [-]."""
    burst_bytes: SizeOrNone = Field(default=0.0, alias="burst", examples=BURST_EXAMPLES)
    """Bucket of a shaper or policer [byte]: what may pass at once after a silence, headers included; 0: none."""
    schedule: Schedule | None = None
    """Bandwidth over time; left out: always the same."""
    outages: tuple[Outage, ...] = ()
    """Times without any bandwidth."""

    @model_validator(mode="before")
    @classmethod
    def _peak_is_the_bandwidth(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "schedule" not in data or data.get("bandwidth") is not None:
            return data
        try:
            schedule = Schedule.model_validate(data["schedule"])
        except ValidationError:
            return data | {"bandwidth": "1 bit/s"}  # so that the one mistake, inside the schedule, is told alone
        if not schedule.peak_bits_per_s:
            raise InputError("the schedule never has any bandwidth; give a point above 0, or take the link out")
        return data | {"schedule": schedule, "bandwidth": to_text(schedule.peak_bits_per_s, BANDWIDTH)}

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        check_ends(self.between, self.source, self.target, "link")
        if self.duplex == "half" and not self.between:
            raise InputError("a link of one direction shares with nobody; write `between` with `duplex: half`")
        return self

    @property
    def ends(self) -> tuple[str, str]:
        """Both nodes, the sending one first."""
        return self.between if self.between else (self.source or "", self.target or "")

    def directions(self) -> list[tuple[str, str]]:
        """The directed pairs that the link stands for."""
        start, end = self.ends
        return [(start, end), (end, start)] if self.between else [(start, end)]

    def with_bandwidth(self, change: Callable[[float], float]) -> Self:
        """The link with another bandwidth, at all times where it varies.

        Args:
          change: the new bandwidth for one that it has; 0 is that of a stall [bit/s].
        """
        changes: dict[str, Any] = {"bandwidth": change(self.bandwidth_bits_per_s)}
        if self.schedule is not None:
            points = (point.replaced(bandwidth=change(point.bandwidth_bits_per_s)) for point in self.schedule.points)
            changes["schedule"] = self.schedule.replaced(points=tuple(points))
        return self.replaced(**changes)

    def profile(self, share: float = 1.0) -> CapacityOverTime:
        """Capacity over time, of each direction (of both together on a half-duplex link).

        min(bandwidth, schedule), and nothing during an outage; times a share, such as that of payload in packets.
        """
        outages = [(outage.start_s, outage.end_s) for outage in self.outages]
        if self.schedule is None:
            return CapacityOverTime.of([0.0], [self.bandwidth_bits_per_s * share], None, outages)
        points = self.schedule.points
        capacities = [min(self.bandwidth_bits_per_s, point.bandwidth_bits_per_s) * share for point in points]
        return CapacityOverTime.of([point.at_s for point in points], capacities, self.schedule.repeat_s, outages)


class Transport(Frozen):
    """How data is sent between sites: what caps a flow beside the links that it crosses, and what comes on top."""

    window_bytes: Size | None = Field(default=None, alias="window", examples=["64 MiB"])
    """Bytes in flight of one stream [byte]: it cannot exceed window / round-trip time; left out: no such cap."""
    streams: Streams = Field(default=1, examples=[8])
    """Parallel streams of a flow."""
    segment_bytes: Size = Field(default=1460.0, alias="segment", examples=["1460 B"])
    """Payload of a packet [byte]. Source of the default: an Ethernet frame of 1500 less 40 for IPv4 and TCP headers."""
    header_bytes: SizeOrNone = Field(default=0.0, alias="header", examples=["66 B"])
    """What a packet takes on a link beside its payload [byte]: Ethernet 14, IPv4 20, TCP 20 (timestamps 12 more)."""
    exchange_overhead_s: Latency = Field(default=0.0, alias="exchange_overhead", examples=["5 ms"])
    """What an exchange between sites costs before its first byte [s]: rendezvous, launch, copies in the hosts."""

    send_buffer_bytes: SizeOrNone = Field(default=4194304.0, alias="send_buffer", examples=["4 MiB"])
    """What a sender hands over before it has left [byte], for `chunked-ring`: a member's last chunk may still be there
    when it goes on. Source of the default: the most that Linux takes by itself (tcp_wmem)."""

    @property
    def payload_share(self) -> float:
        """Share of a link's bandwidth that is left for payload: segment / (segment + header) [-]."""
        return self.segment_bytes / (self.segment_bytes + self.header_bytes)


class RouteOverride(Frozen):
    """A route that is not the one of least latency."""

    between: tuple[str, str] | None = Field(default=None, examples=[["a", "b"]])
    """Both ways; the way back takes the same nodes in reverse."""
    source: str | None = Field(default=None, alias="from", examples=["a"])
    target: str | None = Field(default=None, alias="to", examples=["b"])
    via: tuple[str, ...] = Field(examples=[["x", "y"]])
    """The nodes on the way, in order; an empty list: the direct link."""

    @model_validator(mode="after")
    def _is_a_way(self) -> Self:
        check_ends(self.between, self.source, self.target, "route")
        nodes = self.ways()[0]
        twice = next((node for node in nodes if nodes.count(node) > 1), None)
        if twice:
            raise InputError(f"the route passes {twice!r} twice; name each node on the way once")
        return self

    def ways(self) -> list[tuple[str, ...]]:
        """The whole way, ends included; both ways for `between`."""
        start, end = self.between or (self.source or "", self.target or "")
        there = (start, *self.via, end)
        return [there, there[::-1]] if self.between else [there]
