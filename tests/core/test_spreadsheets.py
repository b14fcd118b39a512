"""What a spreadsheet or a terminal makes of an exported table: text."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from wherefrom.results.attribution import Attributions

from tests.core.made import attribution

FORMULAS = ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1", "  =1+1", "＝1+1"]
CONTROLS = ["\x1b]0;title\x07", "\x1b[31mred", "\x00", "\x9b31m", "a\u202eb"]


@pytest.mark.parametrize("suffix, delimiter", [(".csv", ","), (".tsv", "\t")])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("text", [*FORMULAS, *CONTROLS])
def test_no_cell_is_a_formula_and_none_steers_a_terminal(
    tmp_path: Path, text: str, steps: bool, suffix: str, delimiter: str
) -> None:
    one = attribution([text, " y"], ["<s>", text, " b"], 1, id=text)
    one = one.replace(method=text, step_scores={text: one.step_scores["entropy"]})
    path = tmp_path / f"table{suffix}"
    Attributions(sequence_attributions=(one,)).save_table(path, steps=steps)
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file, delimiter=delimiter) for cell in row]
    numbers = {cell for cell in cells if _is_number(cell)}
    for cell in set(cells) - numbers:
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝")), cell
        assert not any(letter < " " and letter not in "\t\r\n" for letter in cell), cell
        assert not set(cell) & {"\x7f", "\x9b", "\u202e"}, cell
    assert any(text[-3:] in cell or "\\" in cell for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_negative_scores_stay_numbers(tmp_path: Path) -> None:
    one = attribution(["x", " y"], ["<s>", " a", " b"], 1)
    assert one.target_attributions is not None
    made = Attributions(sequence_attributions=(one.replace(target_attributions=-abs(one.target_attributions)),))
    made.save_table(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        assert any(row["score"].startswith("-") for row in csv.DictReader(file))
