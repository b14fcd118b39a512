"""Results as tables, one row per score: for pandas, polars, Arrow, Parquet, CSV and Hugging Face data sets.

Inputs that a step could not see have no row. The libraries are optional and imported when asked for.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wherefrom.errors import InputError, SettingsError
from wherefrom.files.wire.bytes import refuse_existing, write_whole
from wherefrom.files.wire.encoding import storable
from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.packages import needed
from wherefrom.settings import require_folder

Columns = dict[str, npt.NDArray[Any]]
"""Column name to values, all of one length."""


def score_columns(attributions: AttributionsData[Any]) -> Columns:
    """One row per visible cell: example, output, input, any dimensions left, and the score."""
    parts = [part for index, one in enumerate(attributions.sequence_attributions) for part in _cells(one, index)]
    dimensions = _shared_dimensions(attributions)
    names = ["example", "id", "method", "output_index", "output_token", "side", "input_index", "input_token"]
    names += [*dimensions, "score"]
    return {name: _joined([part[name] for part in parts]) for name in names}


def step_columns(attributions: AttributionsData[Any]) -> Columns:
    """One row per explained token: example, output, and each step score (NaN where an example lacks it)."""
    examples = attributions.sequence_attributions
    names = list(dict.fromkeys(name for one in examples for name in one.step_scores))
    parts: list[Columns] = []
    for index, one in enumerate(examples):
        steps = len(one.steps)
        columns = _labels(one, index, steps)
        columns["output_index"] = np.arange(one.attr_pos_start, one.attr_pos_end)
        columns["output_token"] = _texts(one.steps)
        for name in names:
            columns[name] = np.asarray(one.step_scores.get(name, np.full(steps, np.nan)), dtype=np.float64)
        parts.append(columns)
    order = ["example", "id", "method", "output_index", "output_token", *names]
    return {name: _joined([part[name] for part in parts]) for name in order}


def to_pandas(attributions: AttributionsData[Any], *, steps: bool = False) -> Any:
    """A pandas ``DataFrame``, one row per score; with ``steps`` one per explained token and its step scores.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    return needed("pandas", extra="pandas").DataFrame(_columns(attributions, steps))


def to_polars(attributions: AttributionsData[Any], *, steps: bool = False) -> Any:
    """A polars ``DataFrame``; see `to_pandas`."""
    columns = _columns(attributions, steps)
    polars = needed("polars", extra="polars")
    return polars.DataFrame(
        {name: values.tolist() if values.dtype == object else values for name, values in columns.items()}
    )


def to_arrow(attributions: AttributionsData[Any], *, steps: bool = False) -> Any:
    """An Arrow ``Table``; see `to_pandas`."""
    return needed("pyarrow", extra="arrow").table(
        {
            name: values.tolist() if values.dtype == object else values
            for name, values in _columns(attributions, steps).items()
        }
    )


def to_dataset(attributions: AttributionsData[Any], *, steps: bool = False) -> Any:
    """A Hugging Face ``Dataset``, its card as the description; see `to_pandas`."""
    datasets = needed("datasets", extra="datasets")
    columns = {name: values.tolist() for name, values in _columns(attributions, steps).items()}
    return datasets.Dataset.from_dict(
        columns, info=datasets.DatasetInfo(description=storable(dataset_card(attributions)))
    )


TABLES = (".csv", ".tsv", ".parquet")
"""Endings of files that `save_table` writes."""


def save_table(
    attributions: AttributionsData[Any], path: str | Path, *, overwrite: bool = False, steps: bool = False
) -> None:
    """Write a table to a ``.csv``, ``.tsv`` or ``.parquet`` file; see `to_pandas` for its rows.

    Raises:
        InputError: The file is there and ``overwrite`` is false.
        SettingsError: The name ends otherwise.
    """
    path = refuse_existing(path, overwrite)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        data = _csv(_columns(attributions, steps), "," if suffix == ".csv" else "\t")
    elif suffix == ".parquet":
        data = _parquet(attributions, steps)
    else:
        raise SettingsError(f"{path.name}: tables are written as {', '.join(TABLES[:-1])} or {TABLES[-1]}.")
    write_whole(path, [data], overwrite=overwrite)


def save_dataset(attributions: AttributionsData[Any], folder: str | Path, *, overwrite: bool = False) -> None:
    """Write a folder that ``datasets.load_dataset`` and the Hugging Face hub understand: Parquet files and a card.
    Nothing is written before all is made, and the card last.

    Raises:
        InputError: The folder has such files and ``overwrite`` is false, or the examples differ in dimensions.
        SettingsError: There can be no such folder.
    """
    folder = Path(folder)
    require_folder("folder", folder)
    if folder.is_dir():
        for name in ("scores.parquet", "steps.parquet", "README.md"):
            refuse_existing(folder / name, overwrite)
    made = {
        "scores.parquet": _parquet(attributions, steps=False),
        "steps.parquet": _parquet(attributions, steps=True),
        "README.md": storable(dataset_card(attributions)).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        write_whole(folder / name, [data], overwrite=overwrite)


def dataset_card(attributions: AttributionsData[Any]) -> str:
    """A card in Markdown: what the scores are and how they were made."""
    provenance = attributions.provenance
    examples = attributions.sequence_attributions
    methods = ", ".join(sorted({one.method for one in examples if one.method})) or "unknown"
    stages = {" → ".join(stage.name for stage in one.aggregations) or "none (raw scores)" for one in examples}
    facts = {
        "Model": provenance.model.get("name", "unknown"),
        "Revision": provenance.model.get("revision") or "unknown",
        "Method": methods,
        "Settings": _line(provenance.method.get("settings")),
        "Target function": provenance.attributed_fn.get("name", "unknown"),
        "Aggregations": "; ".join(sorted(stages)) or "none",
        "Examples": len(examples),
        "Seed": provenance.seed,
        "Made with": f"wherefrom {provenance.library_version}".strip(),
        "Time": provenance.created or "unknown",
    }
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items())
    return (
        "---\n"
        "tags:\n- feature-attribution\n- interpretability\n- wherefrom\n"
        "configs:\n- config_name: scores\n  data_files: scores.parquet\n  default: true\n"
        "- config_name: steps\n  data_files: steps.parquet\n"
        "---\n\n"
        "# Feature attributions\n\n"
        "For every generated token, the scores of the inputs it could see.\n\n"
        f"| | |\n|---|---|\n{rows}\n\n"
        "`scores` has one row per output token and input token: `side` says whether the input is in the source or in "
        "the target's prefix. `steps` has one row per output token with its step scores.\n"
    )


def _parquet(attributions: AttributionsData[Any], steps: bool) -> bytes:
    """The table as a Parquet file."""
    sink = io.BytesIO()
    needed("pyarrow.parquet", extra="arrow").write_table(to_arrow(attributions, steps=steps), sink, compression="zstd")
    return sink.getvalue()


def _columns(attributions: AttributionsData[Any], steps: bool) -> Columns:
    """The columns, with text that files and other libraries take."""
    columns = step_columns(attributions) if steps else score_columns(attributions)
    return {storable(name): values for name, values in columns.items()}


def _shared_dimensions(attributions: AttributionsData[Any]) -> tuple[str, ...]:
    """Raises: InputError: Examples differ in dimensions, so one table has no room for them."""
    found = {one.dimensions for one in attributions.sequence_attributions}
    if len(found) > 1:
        raise InputError(f"The examples differ in dimensions: {sorted(found)!r}. Aggregate them alike first.")
    return found.pop() if found else ()


def _cells(attribution: AttributionData, index: int) -> list[Columns]:
    """The rows of one example, source before target, step by step."""
    parts = []
    visible = {
        "source": np.ones((len(attribution.source), len(attribution.steps)), dtype=bool),
        "target": attribution.target_visible,
    }
    for side, mask in visible.items():
        scores = attribution.source_attributions if side == "source" else attribution.target_attributions
        if scores is None:
            continue
        tokens = attribution.source if side == "source" else attribution.target
        columns, rows = np.nonzero(mask.T)
        chosen = scores[rows, columns]
        each = int(np.prod(chosen.shape[1:], dtype=np.int64))
        inner = np.indices(chosen.shape[1:]).reshape(len(attribution.dimensions), each)
        columns, rows = np.repeat(columns, each), np.repeat(rows, each)
        part = _labels(attribution, index, len(rows))
        part |= {
            "output_index": columns + attribution.attr_pos_start,
            "output_token": _texts(attribution.steps)[columns],
            "side": np.full(len(rows), side, dtype=object),
            "input_index": rows,
            "input_token": _texts(tokens)[rows],
            "score": chosen.ravel(),
        }
        for position, name in enumerate(attribution.dimensions):
            part[name] = np.tile(inner[position], len(rows) // max(each, 1))
        parts.append(part)
    return parts


def _labels(attribution: AttributionData, index: int, count: int) -> Columns:
    return {
        "example": np.full(count, index),
        "id": np.full(count, storable(attribution.id), dtype=object),
        "method": np.full(count, storable(attribution.method), dtype=object),
    }


def _texts(tokens: Any) -> npt.NDArray[Any]:
    return np.array([storable(token.text) for token in tokens], dtype=object)


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _csv(columns: Columns, delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow([_harmless(name) for name in columns])
    writer.writerows(zip(*(_written(values) for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _written(values: npt.NDArray[Any]) -> list[Any]:
    """Numbers in their shortest exact form; nothing for NaN and None."""
    if values.dtype.kind == "f":
        return ["" if np.isnan(value) else str(value) for value in values]
    return ["" if value is None else _harmless(value) for value in values.tolist()]


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _harmless(value: Any) -> Any:
    """A text that spreadsheets take for text and terminals print: formulas get ``'`` in front, controls are spelt out.

    Tabs and line breaks stay. Parquet files and data frames have texts as they are.
    """
    if not isinstance(value, str):
        return value
    value = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


def _line(value: Any) -> str:
    return ", ".join(f"{name}={item!r}" for name, item in (value or {}).items()) or "defaults"


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
