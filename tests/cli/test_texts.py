"""Texts from the command line, standard input and files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from wherefrom.errors import FileFormatError, UsageError
from wherefrom_cli.console import Console
from wherefrom_cli.texts import Example, Fields, examples_in_file, paired, typed_texts


def console(stdin: str = "") -> Console:
    return Console(stdin=io.StringIO(stdin), stdout=io.StringIO(), stderr=io.StringIO())


def test_literal_file_and_stdin(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("one\n\ntwo\n", encoding="utf-8")
    assert typed_texts(console("three\n"), ["zero", f"@{path}", "-", "@@me"]) == [
        ["zero", "one", "two", "three", "@me"]
    ]


def test_text_with_an_at_sign_and_spaces_is_a_text() -> None:
    assert typed_texts(console(), ["@all of you"]) == [["@all of you"]]


def test_missing_file_says_how_to_write_an_at_sign() -> None:
    with pytest.raises(UsageError, match=r"no file 'nowhere'.*@@"):
        typed_texts(console(), ["@nowhere"])


def test_closed_stdin_is_a_usage_error() -> None:
    closed = console()
    closed.stdin.close()
    with pytest.raises(UsageError, match="closed"):
        typed_texts(closed, ["-"])


def test_empty_stdin_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no text in standard input"):
        typed_texts(console("\n"), ["-"])


def test_paired_refuses_different_numbers() -> None:
    with pytest.raises(UsageError, match="1 generated texts for 2 input texts"):
        paired(["a", "b"], ["c"])


@pytest.mark.parametrize(
    "inputs, targets, told",
    [
        ("a\n\nb\nc\n", "A\nB\n\nC\n", "Line 2 of out.txt has no counterpart: in.txt is blank there"),
        ("a\nb\n\nc\n", "A\n\nB\nC\n", "Line 2 of in.txt has no counterpart: out.txt is blank there"),
        ("a\nb\nc\n", "A\nB\n", "Line 3 of in.txt has no counterpart: out.txt is blank there, or has ended"),
    ],
)
def test_files_with_blank_lines_at_different_places_are_no_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: str, targets: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text(inputs)
    (tmp_path / "out.txt").write_text(targets)
    with pytest.raises(UsageError, match=told):
        typed_texts(console(), ["@in.txt"], ["@out.txt"])
    with pytest.raises(UsageError, match=told.replace("out.txt", "standard input")):
        typed_texts(console(targets), ["@in.txt"], [], ["-"])


def test_files_with_blank_lines_at_the_same_places_are_pairs(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n\nb\n")
    (tmp_path / "out.txt").write_text("A\n \nB\n\n")
    expected = [Example(text="a", generated="A"), Example(text="b", generated="B")]
    assert paired(*typed_texts(console(), [f"@{tmp_path / 'in.txt'}"], [f"@{tmp_path / 'out.txt'}"])) == expected
    assert paired(*typed_texts(console(), [f"@{tmp_path / 'in.txt'}"], ["A", "B"])) == expected


ROWS = [{"source": "a b", "target": "c", "id": "x"}, {"source": "d", "target": "", "id": "y"}]
EXPECTED = [Example(text="a b", generated="c", id="x"), Example(text="d", id="y")]


def write(path: Path) -> None:
    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)) + "\n", encoding="utf-8")
    elif path.suffix in (".csv", ".tsv"):
        mark = "," if path.suffix == ".csv" else "\t"
        lines = [mark.join(ROWS[0]), *(mark.join(row.values()) for row in ROWS)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("fields", [Fields(), Fields(input="source", output="target", id="id")])
def test_files_with_columns(tmp_path: Path, suffix: str, fields: Fields) -> None:
    path = tmp_path / f"data{suffix}"
    write(path)
    assert list(examples_in_file(path, fields)) == EXPECTED


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("one\n\ntwo\n", encoding="utf-8")
    assert [example.text for example in examples_in_file(path, Fields())] == ["one", "two"]


def test_unknown_column_suggests_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    write(path)
    with pytest.raises(UsageError, match=r"no column 'sorce'. Did you mean 'source'\?\nIt has: source, target, id"):
        list(examples_in_file(path, Fields(input="sorce")))


def test_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "a"}\n{"text": \n', encoding="utf-8")
    with pytest.raises(FileFormatError, match="line 2 is not JSON"):
        list(examples_in_file(path, Fields()))


def test_unknown_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Known endings"):
        list(examples_in_file(tmp_path / "data.docx", Fields()))
