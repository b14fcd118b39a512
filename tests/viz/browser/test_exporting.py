from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.rendering import DRAWN, list_renderers
from wherefrom_viz.browser.drawing import Drawing, described_as
from wherefrom_viz.browser.exporting import ENDINGS, by_provenance, ending_of, export, suggested_name, text_of
from wherefrom_viz.browser.screens.export import FORMATS
from wherefrom_viz.describe.units import Level
from wherefrom_viz.page import unpack

from tests.needed import need_cairo
from tests.viz.browser.conftest import two_methods
from tests.viz.conftest import PROVENANCE, chat_example, hospital_example, translation_example

EXAMPLES = [(one, PROVENANCE) for one in two_methods()]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_is_written(ending: str, tmp_path: Path) -> None:
    if ending == ".pdf":
        need_cairo()
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


@pytest.mark.parametrize("granularity", ["token", "word", "sentence", "turn", "character"])
@pytest.mark.parametrize("normalization", ["default", "step", "sequence"])
@pytest.mark.parametrize("aggregation", ["default", "mean", "l2"])
@pytest.mark.parametrize("make", [hospital_example, translation_example, chat_example])
def test_tables_have_the_units_and_numbers_that_are_shown(
    make: Callable[[], Attribution], granularity: Level, normalization: Any, aggregation: Any, tmp_path: Path
) -> None:
    drawing = Drawing(granularity=granularity, normalization=normalization, aggregation=aggregation)
    shown = described_as(make(), PROVENANCE, drawing)
    written = export([(make(), PROVENANCE)], str(tmp_path / "out.csv"), drawing)
    with written.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == shown.visible.sum()
    cells = [
        (side.name, row - side.start, column, shown.scores[row, column])
        for side in shown.sides
        for column in range(len(shown.steps))
        for row in range(side.start, side.end)
        if shown.visible[row, column]
    ]
    begin = min(int(row["output_index"]) for row in rows)
    found = [(row["side"], int(row["input_index"]), int(row["output_index"]) - begin) for row in rows]
    assert found == [cell[:3] for cell in cells]
    assert [float(row["score"]) for row in rows] == pytest.approx([cell[3] for cell in cells], abs=1e-7)
    said = {int(row["output_index"]) - begin: row["output_token"] for row in rows}
    assert [said[column].strip("' ") for column in sorted(said)] == [
        step.token.text.strip("' ") for step in shown.steps
    ]


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


def test_all_that_is_drawn_can_be_chosen_and_has_a_renderer() -> None:
    assert set(DRAWN) <= {ending for ending, _ in FORMATS}
    assert set(DRAWN.values()) <= set(list_renderers())


def test_text_of_a_view() -> None:
    text = text_of(hospital_example(), PROVENANCE, Drawing(), "read", [2])
    assert "sick" in text
    assert "hospital" in text


OCCLUSION = msgspec.structs.replace(PROVENANCE, method={"name": "occlusion", "settings": {}}, warnings=["few passes"])


@pytest.mark.parametrize("ending", [".html", ".svg", ".md", ".tex", ".txt"])
def test_examples_of_several_files_are_drawn_as_each_was_made(ending: str, tmp_path: Path) -> None:
    one, other = (example.replace(method=None) for example in two_methods())
    examples = [(one, PROVENANCE), (other, OCCLUSION), (one, PROVENANCE)]
    assert [len(part) for part in by_provenance(examples)] == [1, 1, 1]
    drawn = export(examples, str(tmp_path / f"out{ending}"), Drawing()).read_text(encoding="utf-8")
    if ending in (".svg", ".md", ".txt"):
        assert len(re.findall("integrated.{0,2}gradients", drawn)) == 2
        assert drawn.count("occlusion") == 1
    if ending == ".html":
        packed = re.findall(r'data-wf="block-\d+">([^<]*)<', drawn)
        assert [header.get("m", "").split(" ")[0] for header, _ in unpack(packed[0])] == ["", "occlusion", ""]


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".inseq.json", "/"])
def test_examples_made_in_several_ways_are_not_stored_as_if_in_one(ending: str, tmp_path: Path) -> None:
    one, other = two_methods()
    with pytest.raises(InputError, match="differ in method"):
        export([(one, PROVENANCE), (other, OCCLUSION)], str(tmp_path / "out") + ending, Drawing())
    later = msgspec.structs.replace(PROVENANCE, warnings=["few passes"])
    written = export([(one, PROVENANCE), (other, later)], str(tmp_path / "both") + ending, Drawing())
    if ending == ".json":
        assert Attributions.load(written).provenance.warnings == ["few passes"]


def test_pinned_outputs_are_copied_as_one() -> None:
    one = hospital_example()
    text = text_of(one, PROVENANCE, Drawing(), "read", [1, 2])
    assert "2 outputs together" in text
    assert "sick[+0.59]" in text
    assert text.count("sick") == 1
    assert "together" not in text_of(one, PROVENANCE, Drawing(), "read", [1])
