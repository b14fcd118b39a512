"""Rows of local files: one room, so every command reads the same examples, as they were written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wherefrom.errors import FileFormatError, InputError, UsageError
from wherefrom_cli.dataset.source import DatasetRequest
from wherefrom_cli.documents import documents_in_file
from wherefrom_cli.rows import ENDINGS
from wherefrom_cli.texts import Example, Fields, examples_in_file, refuse_unfit

Read = Callable[[Path], list[Example]]


def by_attribute(path: Path) -> list[Example]:
    return list(examples_in_file(path, Fields()))


def by_data_set(path: Path) -> list[Example]:
    return [numbered.example for numbered in DatasetRequest(name=str(path)).load()]


def by_streaming(path: Path) -> list[Example]:
    return [numbered.example for numbered in DatasetRequest(name=str(path), kwargs={"streaming": True}).load()]


def by_builder(path: Path) -> list[Example]:
    kind = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".txt": "text"}.get(path.suffix, "json")
    return [numbered.example for numbered in DatasetRequest(name=kind, files=(str(path),)).load()]


READERS = [by_attribute, by_data_set, by_streaming, by_builder]
readers = pytest.mark.parametrize("read", READERS)


def parquet(path: Path, columns: dict[str, list[Any]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return path


def written(folder: Path, name: str, content: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


LOOKS = [
    "NA",
    "null",
    "None",
    "nan",
    "07",
    "1e3",
    "1.0",
    "true",
    "2024-01-02",
    "2024-01-02 10:00:00",
    "[1]",
    "-",
    "#N/A",
]


@readers
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_nothing_is_guessed_from_the_looks_of_a_text(tmp_path: Path, read: Read, ending: str) -> None:
    path, looks = tmp_path / f"a{ending}", [{"text": look, "target": look, "id": look, "date": look} for look in LOOKS]
    if ending == ".parquet":
        parquet(path, dict.fromkeys(looks[0], LOOKS))
    elif ending in (".csv", ".tsv"):
        mark = "," if ending == ".csv" else "\t"
        path.write_text("".join(mark.join(row) + "\n" for row in [list(looks[0]), *(row.values() for row in looks)]))
    else:
        path.write_text("\n".join(map(json.dumps, looks)))
    assert [(one.text, one.generated, one.id) for one in read(path)] == [(look, look, look) for look in LOOKS]


FILES = {
    "spoken.csv": 'id,text,target\n1,"a, b",c\n\n2,"two\nlines",\n3,short\n',
    "quoted.tsv": 'text\ttarget\n"he said ""no"""\tx\n5\' 2"\ty\n',
    "later.jsonl": '{"text": "a"}\n\n"b"\n{"text": "c", "target": "d", "id": 7}\n{"prompt": "e", "output": "f"}\n',
    "list.json": '[\n{"text": "a", "id": "1"},\n"b"\n]',
    "one.json": '{"text": "a"}',
    "lines.json": '{"text": "a"}\n{"text": "b", "target": "c"}\n',
    "chat.jsonl": '{"text": [{"role": "user", "content": null}]}\n{"text": [1, 2]}\n[]\n{"text": ["a"]}\n{"text": 0}\n',
    "odd.jsonl": '{"text": true}\n{"text": {"a": 1}}\n{"text": NaN}\n{"text": "a", "target": 1.0}\n{"text": null}\n',
    "text.txt": " a \n\n\t\nb\u2028c\r\nd",
}


@pytest.mark.parametrize("name", FILES)
def test_every_reader_gives_the_same_examples(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, FILES[name])
    found = by_attribute(path)
    assert found
    for read in READERS[1:]:
        assert read(path) == found
        assert [one.where for one in read(path)] == [one.where for one in found]


@pytest.mark.parametrize("ending", ENDINGS)
def test_documents_are_read_from_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".parquet":
        parquet(path, {"text": ["One."]})
    else:
        path.write_text(
            {".txt": "One.\n", ".csv": "text\nOne.\n", ".tsv": "text\nOne.\n"}.get(ending, '{"text": "One."}')
        )
    assert [one if isinstance(one, str) else one["text"] for one in documents_in_file(path)] == ["One."]
    assert [one.text for one in by_attribute(path)] == ["One."]


def test_columns_are_found_in_every_row(tmp_path: Path) -> None:
    found = by_attribute(written(tmp_path, "later.jsonl", FILES["later.jsonl"]))
    assert [(one.text, one.generated, one.id) for one in found] == [
        ("a", None, None),
        ("b", None, None),
        ("c", "d", "7"),
        ("e", "f", None),
    ]
    asked = Fields(input="text", output="target", id="id")
    assert [one.generated for one in examples_in_file(tmp_path / "later.jsonl", asked)] == [None, None, "d", None]


@readers
@pytest.mark.parametrize(
    "name, content, told",
    [
        ("a.csv", "text,target\nok,t\n\na, b,c\n", r"a\.csv, line 4 has 3 cells, and the header names 2 columns"),
        ("a.tsv", "text\ttarget\nok\tt\na\tb\tc\n", r"a\.tsv, line 3 has 3 cells.*\n.*a tab"),
        ("a.csv", 'text,target\nok,t\n"a b,c\nd,e\n', r"line 3 begins a row whose quotes do not match"),
        ("a.tsv", 'text\ttarget\n"a" b\tc\n', r"line 2 begins a row whose quotes do not match"),
        ("a.csv", "text,text\na,b\n", "two columns 'text'"),
        ("a.jsonl", '{"text": "a"}\n{"text": ' + "[" * 200_000 + "]" * 200_000 + "}", "line 2 is JSON that is nested"),
        ("a.jsonl", '{"text": "a"}\n{"text": ' + "1" * 5000 + "}", "line 2 cannot be read"),
        ("a.json", '[{"text": "a"},\n', r"a\.json is not JSON"),
    ],
)
def test_a_damaged_row_is_refused_by_its_line(tmp_path: Path, read: Read, name: str, content: str, told: str) -> None:
    with pytest.raises(FileFormatError, match=told) as refused:
        read(written(tmp_path, name, content))
    assert str(refused.value).count("\n") <= 1


def test_a_damaged_row_of_documents_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="line 2 has 2 cells"):
        documents_in_file(written(tmp_path, "a.csv", "text\na, b\n"))


@readers
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_encodings(tmp_path: Path, read: Read, name: str) -> None:
    content = {"a.csv": "text\nok\ncafé\n", "a.jsonl": '{"text": "ok"}\n\n{"text": "café"}\n', "a.txt": "ok\n\ncafé\n"}[
        name
    ]
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert [one.text for one in read(written(tmp_path, name, content, encoding))] == ["ok", "café"]
    with pytest.raises(FileFormatError, match=r"line 3 is not UTF-8 text.*\nSave the file as UTF-8"):
        read(written(tmp_path, name, content, "latin-1"))
    (tmp_path / name).write_bytes(content.encode("utf-16")[:-1])
    with pytest.raises(FileFormatError, match="begins as UTF-16"):
        read(tmp_path / name)
    if name != "a.jsonl":  # where it is no JSON
        with pytest.raises(FileFormatError, match=r"line 1 holds a NUL character.*\nSave the file as UTF-8"):
            read(written(tmp_path, name, "text\nok\n", "utf-16-le"))


@readers
def test_a_cell_may_be_long(tmp_path: Path, read: Read) -> None:
    assert len(read(written(tmp_path, "a.csv", f"text\n{'x' * 200_000}\n"))[0].text) == 200_000


@readers
def test_damaged_parquet(tmp_path: Path, read: Read) -> None:
    whole = parquet(tmp_path / "a.parquet", {"text": ["a"] * 100}).read_bytes()
    for damaged in (b"PAR1 and no more", whole[:4] + bytes(20) + whole[24:]):
        (tmp_path / "a.parquet").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"a\.parquet is not Parquet"):
            read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    "value, told",
    [
        (True, "True (bool)"),
        (float("nan"), "nan (float)"),
        (1.0, "1.0 (float)"),
        ({"a": 1}, "{'a': 1} (dict)"),
        (["a"], "['a'] (list)"),
    ],
)
@pytest.mark.parametrize("column", ["text", "target"])
def test_what_is_no_text_is_refused_by_its_line(tmp_path: Path, column: str, value: Any, told: str) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "a", "target": "c"}\n' + json.dumps({"text": "b", column: value}))
    with pytest.raises(InputError) as refused:
        refuse_unfit([*examples_in_file(path, Fields(output="target" if column == "target" else ""))])
    assert f"a.jsonl, line 2: the {column} came as {told}, not as text." in str(refused.value)
    with pytest.raises(InputError, match=r"a\.jsonl, line 2"):
        documents_in_file(written(tmp_path, "a.jsonl", '"a"\n' + json.dumps({"text": "b", "title": value})))


def test_whole_numbers_are_texts(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": 0, "target": 12, "id": 3}')
    assert list(examples_in_file(path, Fields(output="target"))) == [Example(text="0", generated="12", id="3")]


@readers
@pytest.mark.parametrize("label", ["0", "0.73", "true", '["x"]', '{"a": 1}'])
def test_what_is_no_text_is_no_target_that_nobody_asked_for(tmp_path: Path, read: Read, label: str) -> None:
    path = written(tmp_path, "a.jsonl", f'{{"text": "a", "target": {label}}}\n{{"text": "b", "target": "c"}}')
    assert [one.generated for one in read(path)] == [None, "c"]


def test_no_column_of_targets(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "a", "target": "b"}')
    assert [one.generated for one in examples_in_file(path, Fields(output=""))] == [None]


@pytest.mark.parametrize(
    "fields, told",
    [
        (Fields(), ["targets are taken from the column 'target'"]),
        (Fields(output=""), []),
        (Fields(output="target"), []),
    ],
)
def test_targets_that_nobody_asked_for_are_told(tmp_path: Path, fields: Fields, told: list[str]) -> None:
    notes: list[str] = []
    list(examples_in_file(written(tmp_path, "a.jsonl", '{"text": "a", "target": "b"}'), fields, notes.append))
    assert [note.removeprefix("note: ")[: len(expected)] for note, expected in zip(notes, told, strict=True)] == told


@readers
@pytest.mark.parametrize(
    "name, content, told",
    [
        ("a.csv", "text;id\nMary was;1\n", r"one column, 'text;id'\.\nIt holds ';'"),
        ("a.csv", "text\tid\nMary was\t1\n", r"one column, .*\nIt holds '\\t'"),
        ("a.csv", "Mary was hungry.\nGeorge was ill.\n", r"one column, 'Mary was hungry\.'\.\n.*--input-field NAME"),
        ("a.tsv", "Mary was hungry.\nGeorge was ill.\n", r"one column, 'Mary was hungry\.'\.\n.*--input-field NAME"),
    ],
)
def test_the_only_column_of_a_table_is_known_or_named(
    tmp_path: Path, read: Read, name: str, content: str, told: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(UsageError, match=told):
        read(path)
    named = Fields(input=content.split("\n")[0])
    if "\t" not in content and ";" not in content:
        assert [one.text for one in examples_in_file(path, named)] == ["George was ill."]


@pytest.mark.parametrize(
    "asked, told",
    [
        ({"files": ("b.jsonl",), "config": "c", "revision": "r"}, "--config, --files, --revision would change nothing"),
        ({"folder": "d"}, "--dir would change nothing beside -d"),
        ({"kwargs": {"sep": ";"}}, "has 'sep', and only .csv and .tsv files"),
        ({"kwargs": {"sep": ";", "delimiter": ";"}}, "'sep' and 'delimiter', which are the same"),
        ({"kwargs": {"data_files": "b.jsonl"}}, "has 'data_files', and .* says what is read already"),
    ],
)
def test_what_would_change_nothing_of_a_local_file_is_refused(tmp_path: Path, asked: dict[str, Any], told: str) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "a"}')
    with pytest.raises(UsageError, match=told):
        DatasetRequest(name=str(path), **asked).load()


def test_what_would_change_nothing_of_local_files_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "a"}')
    for more in ({"config": "c"}, {"revision": "r"}):
        with pytest.raises(UsageError, match=f"--{next(iter(more))} would change nothing beside -d json"):
            DatasetRequest(name="json", files=(str(path),), **more).load()


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: the id came as 1\.5.*\nChoose another --id-field"):
        by_attribute(written(tmp_path, "a.jsonl", '{"text": "a", "id": 1.5}'))


def test_bytes_are_read_as_utf8_or_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["café".encode(), b"\xff"], "tag": [b"x", b"y"]})
    good, bad = examples_in_file(path, Fields(annotations=("tag",)))
    assert (good.text, good.annotations) == ("café", {"tag": "x"})
    assert "a.parquet, row 2: the text is bytes that are no UTF-8 text" in bad.unfit
    assert not bad.can_be_asked_about


def test_parts_of_a_file(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    path = written(tmp_path, "a.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
    for split, expected in (("train[:2]+train[-1:]", "019"), ("train[20%:50%]", "234"), ("all", "0123456789")):
        dataset = DatasetRequest(name=str(path), split=split).load()
        assert "".join(str(one.example.text) for one in dataset) == expected
        assert len(dataset) == len(expected)
    with pytest.raises(UsageError, match="no parts"):
        DatasetRequest(name=str(path), split="train[:2]", kwargs={"streaming": True}).load()


def test_several_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    files = [written(tmp_path, "a.csv", "text;id\n07;1\n"), written(tmp_path, "b.csv", "text;id\nNA;2\n")]
    dataset = DatasetRequest(name="csv", files=tuple(map(str, files)), kwargs={"sep": ";"}).load()
    assert [(one.example.text, one.example.id) for one in dataset] == [("07", "1"), ("NA", "2")]


def test_a_file_is_read_row_by_row(tmp_path: Path) -> None:
    """What comes later is not looked at: the file's end is damaged."""
    path = written(tmp_path, "a.csv", "text\n" + "a\n" * 100_000 + "b,c\n")
    dataset = DatasetRequest(name=str(path), kwargs={"streaming": True}).load()
    assert dataset.size is None
    assert next(iter(dataset)).example.text == "a"


CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who was sick?"}]


@pytest.mark.parametrize("read", [by_attribute, by_data_set, by_streaming])
def test_a_document_that_is_one_chat_is_one_example(tmp_path: Path, read: Read) -> None:
    one = written(tmp_path, "chat.json", json.dumps(CHAT, indent=1))
    several = written(tmp_path, "chats.json", json.dumps([CHAT, CHAT[1:]]))
    assert [example.text for example in read(one)] == [CHAT]
    assert [example.text for example in read(several)] == [CHAT, CHAT[1:]]


@readers
def test_lines_that_are_messages_say_how_a_chat_is_written(tmp_path: Path, read: Read) -> None:
    path = written(tmp_path, "chat.jsonl", "\n".join(map(json.dumps, CHAT)))
    with pytest.raises(UsageError, match=r"write them as one list"):
        read(path)
