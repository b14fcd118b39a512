"""Scores as rows, for programs that read tables: CSV, TSV, Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from wherefrom.attribution import Attribution, Attributions
from wherefrom.errors import UsageError

TABLES = (".csv", ".tsv", ".parquet")
_BLOCK_ROWS = 50_000

COLUMNS = (
    "example",
    "output_index",
    "output_token",
    "output_id",
    "input_side",
    "input_index",
    "input_token",
    "input_id",
    "score",
)


def score_rows(out: Attributions) -> Iterator[dict[str, Any]]:
    """One row per visible cell: an output token, an input token and the score between them.

    Raw scores are aggregated by their method's default. Indices are places in source and target.
    """
    for place, raw in enumerate(out):
        one = raw.aggregate()
        name = one.id if one.id is not None else str(place)
        for step, output in enumerate(one.steps):
            for side, row in _inputs(one, step):
                tokens = one.source if side == "source" else one.target
                scores = one.source_attributions if side == "source" else one.target_attributions
                assert scores is not None  # _inputs gives sides that have scores
                yield dict(
                    zip(
                        COLUMNS,
                        (
                            name,
                            one.attr_pos_start + step,
                            output.text,
                            output.id,
                            side,
                            row,
                            tokens[row].text,
                            tokens[row].id,
                            float(scores[row, step]),
                        ),
                        strict=True,
                    )
                )


def write_table(out: Attributions, ending: str, where: Path | TextIO) -> None:
    """Write `score_rows` as CSV, TSV or Parquet.

    Raises:
        UsageError: Parquet was asked for on standard output.
    """
    if ending == ".parquet":
        if not isinstance(where, Path):
            raise UsageError("Parquet is binary and is not written to standard output.\nName a file: -o scores.parquet")
        _write_parquet(out, where)
    elif isinstance(where, Path):
        with where.open("w", encoding="utf-8", newline="") as file:
            _write_csv(out, file, ending)
    else:
        _write_csv(out, where, ending)


def _inputs(one: Attribution, step: int) -> Iterator[tuple[str, int]]:
    if one.source_attributions is not None:
        yield from (("source", row) for row in range(len(one.source)))
    if one.target_attributions is not None:
        visible = one.target_visible[:, step]
        yield from (("target", row) for row in range(len(one.target)) if visible[row])


def _write_csv(out: Attributions, file: TextIO, ending: str) -> None:
    writer = csv.DictWriter(file, COLUMNS, delimiter="\t" if ending == ".tsv" else ",", lineterminator="\n")
    writer.writeheader()
    writer.writerows(score_rows(out))


def _write_parquet(out: Attributions, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    kinds = {"score": pyarrow.float64(), "output_index": pyarrow.int64(), "input_index": pyarrow.int64()}
    kinds |= {"output_id": pyarrow.int64(), "input_id": pyarrow.int64()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        block: list[dict[str, Any]] = []
        for row in score_rows(out):
            block.append(row)
            if len(block) == _BLOCK_ROWS:
                writer.write_table(pyarrow.Table.from_pylist(block, schema=schema))
                block = []
        writer.write_table(pyarrow.Table.from_pylist(block, schema=schema))
