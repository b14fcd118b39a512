"""Gold annotations of other projects' formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wherefrom.errors import FileFormatError, InputError
from wherefrom.evaluation import Gold, gold_from_words, load_gold, read_gold, save_gold


def written(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "gold.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def marked(gold: Gold) -> list[str]:
    return [gold.text[start:end] for start, end in gold.spans]


def test_ours_come_back_as_they_were_written(tmp_path: Path) -> None:
    gold = [Gold(text="the cat sat", spans=((4, 7),), id="a", answer=" sat"), Gold(text="x", spans=())]
    save_gold(tmp_path / "gold.jsonl", gold)
    assert read_gold(tmp_path / "gold.jsonl") == load_gold(tmp_path / "gold.jsonl") == gold


def test_eraser(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one.txt").write_text("a dull film\nwith one good scene .", "utf-8")
    piece = {"docid": "one.txt", "start_sentence": 0, "end_sentence": 1, "text": "dull film"}
    line = {
        "annotation_id": "one.txt",
        "classification": "NEG",
        "query": "?",
        "evidences": [[{**piece, "start_token": 1, "end_token": 3}], [{**piece, "start_token": 5, "end_token": 6}]],
    }
    (gold,) = read_gold(written(tmp_path, line))
    assert gold.text == "a dull film with one good scene ."
    assert marked(gold) == ["dull film", "good"]
    assert (gold.id, gold.answer) == ("one.txt", "NEG")


def test_a_document_outside_of_its_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "secret.txt").write_text("a b c", "utf-8")
    piece = {"docid": "../secret.txt", "start_token": 0, "end_token": 1}
    with pytest.raises(FileFormatError, match="outside"):
        read_gold(written(tmp_path, {"annotation_id": "x", "evidences": [[piece]]}))


def test_movie_rationales(tmp_path: Path) -> None:
    (gold,) = read_gold(written(tmp_path, {"review": "a dull film , dull !", "label": 0, "evidences": ["dull film"]}))
    assert marked(gold) == ["dull film"]


def test_word_by_word_rationales(tmp_path: Path) -> None:
    one, other, text = read_gold(
        written(
            tmp_path,
            {"tokens": ["a", "dull", "film"], "rationale": [0, 1, 1], "label": 1, "id": 7},
            {
                "post_id": "p",
                "post_tokens": ["a", "dull", "bad", "film"],
                "rationales": [[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 1, 1]],
            },
            {"text": "a dull film", "rationale": [0, 0, 1]},
        )
    )
    assert marked(one) == ["dull film"]
    assert one.id == "7"
    assert marked(other) == ["dull bad"], "two of three annotators"
    assert marked(text) == ["film"]


@pytest.mark.parametrize(
    "line, message",
    [
        ({"what": 1}, "found what"),
        ({"tokens": ["a"], "rationale": [0, 1]}, "2 marks for 1 words"),
        ({"text": "ab", "spans": [[0, 5]]}, "does not lie"),
        ({"review": "a", "evidences": ["b"]}, "not in the text"),
        ({"annotation_id": "x", "evidences": [[{"docid": "no.txt", "start_token": 0, "end_token": 1}]]}, "line 1"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: dict[str, Any], message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_gold(written(tmp_path, line))


def test_the_number_of_lines_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 examples"):
        read_gold(written(tmp_path, {"text": "a", "spans": [[0, 1]]}), 2)


def test_an_empty_word_stands_nowhere() -> None:
    with pytest.raises(InputError, match="words has an empty text"):
        gold_from_words("a cat", ["cat", ""])
