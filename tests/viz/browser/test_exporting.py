from __future__ import annotations

import csv
from pathlib import Path

import pytest
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attributions
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.exporting import ENDINGS, ending_of, export, suggested_name, text_of
from wherefrom_viz.browser.screens.export import FORMATS

from tests.viz.browser.conftest import two_methods
from tests.viz.conftest import PROVENANCE, hospital_example

EXAMPLES = [(one, PROVENANCE) for one in two_methods()]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_is_written(ending: str, tmp_path: Path) -> None:
    written = export(EXAMPLES, str(tmp_path / f"out{ending}"), Drawing(granularity="word"))
    assert written.stat().st_size > 100


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".msgpack", ".json.gz", ".jsonl.zst"])
def test_stored_formats_lose_nothing(ending: str, tmp_path: Path) -> None:
    written = export(EXAMPLES, str(tmp_path / f"out{ending}"), Drawing(aggregation="l2", normalization="step"))
    assert Attributions.load(written) == two_methods()


def test_tables_hold_what_is_seen(tmp_path: Path) -> None:
    written = export(EXAMPLES[:1], str(tmp_path / "out.csv"), Drawing())
    with written.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    strongest = max(rows, key=lambda row: float(row["score"]))
    assert (strongest["input_token"], strongest["output_token"]) == (" sick", " hospital")


def test_data_set_folder(tmp_path: Path) -> None:
    export(EXAMPLES, f"{tmp_path}/set/", Drawing())
    assert {path.name for path in (tmp_path / "set").iterdir()} == {"README.md", "scores.parquet", "steps.parquet"}


def test_pictures_show_what_is_seen(tmp_path: Path) -> None:
    drawing = Drawing(granularity="sentence", normalization="step")
    text = export(EXAMPLES[:1], str(tmp_path / "out.txt"), drawing).read_text(encoding="utf-8")
    assert "sum over sentences" in text
    assert "share of each step's total" in text


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "out.svg").write_text("mine")
    with pytest.raises(InputError):
        export(EXAMPLES, str(tmp_path / "out.svg"), Drawing())
    export(EXAMPLES, str(tmp_path / "out.svg"), Drawing(), overwrite=True)
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize("name", ["out", "out.xlsx", "out.jsn", ""])
def test_names_that_say_nothing(name: str) -> None:
    with pytest.raises(InputError, match="does not say what to write"):
        ending_of(name)


def test_endings() -> None:
    assert ending_of("a.inseq.json") == ".inseq.json"
    assert ending_of("a.JSON.GZ") == ".json.gz"
    assert {ending_of("a" + ending) for ending, _ in FORMATS} == {ending for ending, _ in FORMATS}
    assert suggested_name("hostile </script> [/red]") == "hostile-script-red"
    assert suggested_name("漢字 x") == "漢字-x"
    assert suggested_name("...") == "attributions"


def test_text_of_a_view() -> None:
    text = text_of(hospital_example(), PROVENANCE, Drawing(), "read", [2])
    assert "sick" in text
    assert "hospital" in text
