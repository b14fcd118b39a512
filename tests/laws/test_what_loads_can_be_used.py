"""A file that loads can be aggregated, saved, shown and put into a table; one that cannot is refused while loading."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import FileFormatError, WherefromError
from wherefrom.files import load, save_inseq
from wherefrom.results.attribution import Attributions

from tests.core.made import attribution

STRANGE = [2**63, 2**70, -(2**70), -(2**63) - 1, 1e999, -1e999, float("nan"), "\ud800", "x\udfff", -1]


def made() -> Attributions:
    one = attribution(["x", " y"], ["<s>", " a", " b"], 1, id="ex", annotations={"n": 1, "x": 0.5, "t": "text"})
    return Attributions(sequence_attributions=(one,))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers and texts of a document are."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value[:2]):
            yield from leaves(one, (*path, index))
    else:
        yield path


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(document)
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return document


def use(out: Attributions, folder: Path) -> None:
    """What somebody does with a result."""
    for one in out:
        one.aggregate()
        str(one)
    out.aggregate("subwords")
    out.to_bytes("json")
    out.to_bytes("msgpack")
    out.save_table(folder / "table.csv", overwrite=True)
    out.save_table(folder / "steps.csv", overwrite=True, steps=True)
    out.to_html()


@pytest.mark.parametrize("value", [2**63, 2**70, -(2**70)])
@pytest.mark.parametrize(
    "field",
    [{"ids": 0}, {"positions": 0}, {"sizes": 0}, {"listed_words": 0}, {"offsets": "listed", "listed_offsets": 0}],
)
def test_numbers_of_tokens_beyond_64_bits_are_refused(field: dict[str, Any], value: int) -> None:
    document = json.loads(made().to_bytes("json"))
    target = document["examples"][0]["target"]
    target.pop("words", None)
    for name, given in field.items():
        target[name] = given or ([[value, value]] * 3 if name == "listed_offsets" else [value] * 3)
    with pytest.raises(FileFormatError):
        Attributions.from_bytes(json.dumps(document).encode())


@pytest.mark.parametrize("kind", ["own", "inseq"])
def test_what_loads_can_be_used(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    if kind == "own":
        made().save(path)
    else:
        save_inseq(made(), path)
    document = json.loads(path.read_bytes())
    refused = loaded = 0
    for place in leaves(document):
        for value in STRANGE:
            path.write_text(json.dumps(changed(document, place, value)))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    out = load(path)
            except WherefromError:
                refused += 1
                continue
            loaded += 1
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    use(out, tmp_path)
                except WherefromError:
                    pass  # said in words
                except Exception as error:
                    raise AssertionError(f"{place} = {value!r} loads and then fails: {error!r}") from error
    assert refused > 50
    assert loaded > 5
