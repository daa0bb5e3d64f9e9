"""A timeline as Perfetto's own protobuf, for ui.perfetto.dev and trace_processor; needs the extra `timeline`.

Source: perfetto.dev/docs/reference/synthetic-track-event, and trace_packet.proto.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...errors import ArgumentError
from .events import events
from .tracks import Counter, Piece, Process

if TYPE_CHECKING:
    from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder

_SEQUENCE = 1
"""All packets come from one writer."""


def check_installed(path: object) -> None:
    """Says before the work begins that the package is missing.

    Raises:
      InputError: it is.
    """
    if find_spec("perfetto") is None:
        raise ArgumentError(
            "{timeline} {path}: needs the package perfetto; install the extra: pip install 'crosshaul[timeline]', or "
            "write a .json, which needs nothing",
            path=path,
        )


def encode(found: Sequence[Process]) -> bytes:
    """Processes as a file."""
    from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder

    out = io.BytesIO()
    write = _Writer(StreamingTraceProtoBuilder(out))
    threads, counters = _describe(write, found)
    for event in events(found):
        write.slice(threads[event.process, event.thread], event.at_ns, event.begins)
    for track, counter in counters:
        for at_ns, value in counter.points:
            write.value(track, at_ns, value)
    return out.getvalue()


def _describe(write: _Writer, found: Sequence[Process]) -> tuple[dict[tuple[int, int], int], list[tuple[int, Counter]]]:
    """Describes all tracks; the number of each thread, by its process and its place there, and of each counter.

    They make a tree: strategies, their sites and links, and what is to be seen of these. Threads of one name in one
    place are shown as one track of several rows.
    """
    strategies: dict[str, int] = {}
    threads: dict[tuple[int, int], int] = {}
    counters: list[tuple[int, Counter]] = []
    root = write.track("simulated runs", rank=0)
    for place, process in enumerate(found):
        if process.strategy not in strategies:
            strategies[process.strategy] = write.track(process.strategy, root, rank=place)
        parent = write.track(process.name, strategies[process.strategy], rank=place)
        for rank, thread in enumerate(process.threads):
            threads[place, rank] = write.track(thread.name, parent, rank=rank, explained=thread.explained)
        for rank, counter in enumerate(process.counters):
            name = f"{counter.link} [{counter.unit}]"
            track = write.track(name, parent, rank=rank, explained=counter.explained, unit=counter.unit)
            counters.append((track, counter))
    return threads, counters


class _Writer:
    """Writes packets one by one, and numbers the tracks."""

    def __init__(self, builder: StreamingTraceProtoBuilder) -> None:
        from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackDescriptor, TrackEvent

        self._builder, self._types, self._explicit = builder, TrackEvent, TrackDescriptor.EXPLICIT
        self._tracks = 0

    def track(self, name: str, parent: int | None = None, *, rank: int, explained: str = "", unit: str = "") -> int:
        """Describes a track, and says what its number is.

        Args:
          name: what people see.
          parent: the track that it stands under.
          rank: its place there.
          explained: what it shows.
          unit: of a counter.
        """
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        self._tracks += 1
        track = packet.track_descriptor
        track.uuid, track.name, track.sibling_order_rank = self._tracks, name, rank
        track.child_ordering, track.description = self._explicit, explained
        if parent is not None:
            track.parent_uuid = parent
        if unit:
            track.counter.unit_name = unit
        self._builder.write_packet(packet)
        return self._tracks

    def slice(self, track: int, at_ns: int, begins: Piece | None) -> None:
        """A slice begins on a track; or the one that is open there ends."""
        packet = self._builder.create_packet()
        packet.timestamp, packet.trusted_packet_sequence_id = at_ns, _SEQUENCE
        event = packet.track_event
        event.track_uuid = track
        event.type = self._types.TYPE_SLICE_END if begins is None else self._types.TYPE_SLICE_BEGIN
        if begins is not None:
            event.name = begins.name
            event.categories.append(begins.category)
            if begins.leaves:
                event.flow_ids.append(begins.leaves)
            if begins.arrives:
                event.terminating_flow_ids.append(begins.arrives)
            for name, value in begins.details.items():
                note = event.debug_annotations.add(name=name)
                if isinstance(value, str):
                    note.string_value = value
                else:
                    note.double_value = value
        self._builder.write_packet(packet)

    def value(self, track: int, at_ns: int, value: float) -> None:
        """A counter has a value from now on."""
        packet = self._builder.create_packet()
        packet.timestamp, packet.trusted_packet_sequence_id = at_ns, _SEQUENCE
        packet.track_event.track_uuid = track
        packet.track_event.type = self._types.TYPE_COUNTER
        packet.track_event.double_counter_value = value
        self._builder.write_packet(packet)
