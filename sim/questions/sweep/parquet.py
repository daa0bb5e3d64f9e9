"""Rows as Parquet: the same rows are the same file to the byte, in whatever pieces they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from .columns import Column

if TYPE_CHECKING:
    import pyarrow

_KEY = b"crosshaul.sweep"
"""Under which a file says whose rows it holds."""
_GROUP = 65_536
"""Rows that are compressed together."""


def check_installed() -> None:
    """Says before the work begins that no such file can be written.

    Raises:
      InputError: pyarrow is not there; says how to install it.
    """
    if find_spec("pyarrow") is None:
        raise ArgumentError("{results}: needs pyarrow; install the extra: pip install 'crosshaul[sweep]'")


def schema(columns: Sequence[Column], identity: str) -> pyarrow.Schema:
    """The columns of a file, and whose rows they are."""
    import pyarrow as pa

    types = {"int64": pa.int64(), "double": pa.float64(), "string": pa.string(), "bool": pa.bool_()}
    return pa.schema([(column.name, types[column.type]) for column in columns], {_KEY: identity.encode()})


def table(rows: Sequence[Sequence[Any]], form: pyarrow.Schema) -> pyarrow.Table:
    """Rows as a table."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(form)
    arrays = [pa.array(values, each.type) for values, each in zip(columns, form, strict=True)]
    return pa.Table.from_arrays(arrays, schema=form)


def encoded(found: pyarrow.Table) -> bytes:
    """A table as the bytes of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = pa.BufferOutputStream()
    pq.write_table(found, out, row_group_size=_GROUP, compression="zstd")
    written: bytes = out.getvalue().to_pybytes()
    return written


def merge(tables: Iterable[pyarrow.Table], form: pyarrow.Schema, path: Path) -> None:
    """Writes tables one behind the other into a file, without all of them in memory at once."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, form, compression="zstd") as writer:
        for group in _regrouped(tables, form):
            writer.write_table(group, row_group_size=_GROUP)


def _regrouped(tables: Iterable[pyarrow.Table], form: pyarrow.Schema) -> Iterator[pyarrow.Table]:
    """The rows of tables in groups of the same size, so that where a table ended cannot be seen."""
    import pyarrow as pa

    left = form.empty_table()
    for each in tables:
        left = pa.concat_tables([left, each])
        while left.num_rows >= _GROUP:
            yield left.slice(0, _GROUP).combine_chunks()
            left = left.slice(_GROUP)
    yield left.combine_chunks()


def identity_of(path: Path) -> str | None:
    """Whose rows a file holds; None if it is no file of a sweep."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = (pq.read_schema(path).metadata or {}).get(_KEY)
    except (pa.ArrowException, OSError):
        return None
    return None if found is None else found.decode()


def read_whole(path: Path) -> pyarrow.Table | None:
    """The rows of a file; None where it is damaged, as by a machine that lost its power."""
    import pyarrow as pa

    try:
        return read(path)
    except pa.ArrowException:
        return None


def read(path: Path, columns: Sequence[str] | None = None) -> pyarrow.Table:
    """The rows of a file, or some of their columns."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read(columns=None if columns is None else list(columns))
