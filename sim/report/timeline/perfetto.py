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
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket
    from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder

_SEQUENCE = 1
"""All packets come from one writer."""
_THREADS = 1000
"""Threads of a process have the numbers after this many times its own, so that no two are the same."""


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
    """Describes all tracks; the number of each thread, by its process and its place there, and of each counter."""
    threads: dict[tuple[int, int], int] = {}
    counters: list[tuple[int, Counter]] = []
    for pid, process in enumerate(found, 1):
        parent = write.process(pid, process.name)
        for place, thread in enumerate(process.threads):
            threads[pid - 1, place] = write.thread(pid, place + 1, thread.name)
        counters += [(write.counter(parent, place, each), each) for place, each in enumerate(process.counters)]
    return threads, counters


class _Writer:
    """Writes packets one by one, and numbers the tracks."""

    def __init__(self, builder: StreamingTraceProtoBuilder) -> None:
        from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

        self._builder, self._types = builder, TrackEvent
        self._tracks = 0

    def process(self, pid: int, name: str) -> int:
        """Describes a process; the number of its track."""
        packet = self._described()
        packet.track_descriptor.process.pid = pid
        packet.track_descriptor.process.process_name = name
        packet.track_descriptor.process.legacy_sort_index = pid
        return self._written(packet)

    def thread(self, pid: int, place: int, name: str) -> int:
        """Describes a thread of a process; the number of its track."""
        packet = self._described()
        thread = packet.track_descriptor.thread
        thread.pid, thread.tid, thread.thread_name = pid, _THREADS * pid + place, name
        thread.legacy_sort_index = place
        return self._written(packet)

    def counter(self, parent: int, place: int, counter: Counter) -> int:
        """Describes a counter of a process; the number of its track."""
        packet = self._described()
        track = packet.track_descriptor
        track.parent_uuid, track.name = parent, f"{counter.name} [{counter.unit}]"
        track.sibling_order_rank, track.counter.unit_name = place, counter.unit
        return self._written(packet)

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

    def _described(self) -> TracePacket:
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        self._tracks += 1
        packet.track_descriptor.uuid = self._tracks
        return packet

    def _written(self, packet: TracePacket) -> int:
        self._builder.write_packet(packet)
        return self._tracks
