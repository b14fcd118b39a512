"""What users give for a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from wherefrom.errors import InputError
from wherefrom.questions.given import as_contrasts, as_inputs, as_targets

COLUMNS = {"text": ["A b.", "C d."], "target": ["E.", "F."]}
TABLES: dict[str, tuple[str, str, str]] = {
    "pandas": ("pandas", "DataFrame", "DataFrame"),
    "polars": ("polars", "DataFrame", "DataFrame"),
    "pyarrow": ("pyarrow", "table", "Table"),
    "datasets": ("datasets", "Dataset.from_dict", "Dataset"),
}
DOORS: dict[str, Callable[[Any], Any]] = {
    "input_texts": as_inputs,
    "generated_texts": lambda table: as_targets(table, 2),
    "contrast_targets": lambda table: as_contrasts(table, "contrast_targets"),
}


def table_of(library: str) -> Any:
    module, maker, _ = TABLES[library]
    make = pytest.importorskip(module)
    for part in maker.split("."):
        make = getattr(make, part)
    return make(COLUMNS)


@pytest.mark.parametrize("library", TABLES)
@pytest.mark.parametrize("name", DOORS)
def test_a_table_is_refused_by_name(library: str, name: str) -> None:
    """Its names of columns had been explained."""
    called = TABLES[library][2]
    with pytest.raises(InputError, match=rf"{name} is a table \({called}\) with the columns text, target\. Give one"):
        DOORS[name](table_of(library))


@pytest.mark.parametrize("library", ["pandas", "polars", "datasets"])
def test_a_column_of_a_table_is_texts(library: str) -> None:
    assert as_inputs(table_of(library)["text"]) == COLUMNS["text"]
