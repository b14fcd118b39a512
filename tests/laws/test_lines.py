"""Files are cut where their format says, not at whatever Unicode calls the end of a line."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import pytest
from wherefrom.files import load
from wherefrom.results.attribution import Attributions
from wherefrom_cli.documents import documents_in_file
from wherefrom_cli.rows import lines_of
from wherefrom_cli.texts import Fields, examples_in_file

from tests.core.made import attribution

ROOT = Path(__file__).parents[2]
BREAKS = ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
"""Characters that `str.splitlines` cuts at, though they stand within texts."""
OF_MESSAGES = {
    "wherefrom_cli/running.py",
    "wherefrom_cli/commands/doctor.py",
    "wherefrom_cli/commands/explain.py",
    "wherefrom_cli/dataset/source.py",
    "wherefrom/adapters/check.py",
    "wherefrom/evaluation/bench/running.py",
    "wherefrom/evaluation/lines.py",
    "wherefrom/evaluation/verify/asking.py",
    "wherefrom/evaluation/verify/checking.py",
    "wherefrom_hf/_loading.py",
    "wherefrom_hf/demo/_gold.py",
    "wherefrom_viz/browser/places.py",
}
"""Where it cuts messages, docstrings or bytes."""


def test_nothing_that_users_wrote_is_cut_by_splitlines() -> None:
    users = set()
    for path in ROOT.glob("packages/*/src/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.Attribute) and node.attr == "splitlines" for node in ast.walk(tree)):
            users.add(path.relative_to(ROOT).as_posix().split("/src/")[1])
    assert users <= OF_MESSAGES


@pytest.mark.parametrize("odd", BREAKS)
def test_a_text_with_an_odd_break_is_one_text_in_every_kind_of_file(tmp_path: Path, odd: str) -> None:
    text = f"first{odd}second"
    texts, lines = tmp_path / "a.txt", tmp_path / "a.jsonl"
    texts.write_text(f"{text}\nother\n", encoding="utf-8")
    lines.write_text(json.dumps({"text": text}, ensure_ascii=False) + '\n{"text": "other"}\n', encoding="utf-8")
    tables = [tmp_path / "a.csv", tmp_path / "a.tsv"]
    for path, delimiter in zip(tables, ",\t", strict=True):
        written = io.StringIO(newline="")
        csv.writer(written, delimiter=delimiter).writerows([["text", "id"], [text, "1"], ["other", "2"]])
        path.write_bytes(written.getvalue().encode())
    for path in (texts, lines, *tables):
        assert [one.text for one in examples_in_file(path, Fields())] == [text, "other"], path
        found = [one if isinstance(one, str) else one["text"] for one in documents_in_file(path)]
        assert found == [text, "other"], path


@pytest.mark.parametrize("inside", ["first line\nsecond line", "a\r\nb", 'he said "yes, sir"', "a,b\tc"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_quoted_cell_is_read_as_it_was_written(tmp_path: Path, suffix: str, inside: str) -> None:
    path, written = tmp_path / f"documents{suffix}", io.StringIO(newline="")
    csv.writer(written, delimiter="," if suffix == ".csv" else "\t").writerows([["id", "text"], ["d", inside]])
    path.write_bytes(b"\xef\xbb\xbf" + written.getvalue().encode())
    assert documents_in_file(path) == [{"id": "d", "text": inside}]
    assert [one.text for one in examples_in_file(path, Fields())] == [inside]


def test_lines_end_at_line_breaks_of_every_system() -> None:
    assert lines_of("a\nb\r\nc\rd\n") == ["a", "b", "c", "d", ""]


@pytest.mark.parametrize("odd", BREAKS)
def test_saved_lines_hold_odd_breaks(tmp_path: Path, odd: str) -> None:
    made = Attributions(sequence_attributions=(attribution([f"x{odd}"], ["<s>", f" a{odd}b"], 1, id=f"i{odd}"),) * 2)
    made.save(tmp_path / "a.jsonl")
    assert load(tmp_path / "a.jsonl") == made
