"""Files of lines that people write: read in every encoding that says which it is, and refused in words otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict
from wherefrom.context import ContextAttribution
from wherefrom.errors import FileFormatError
from wherefrom.evaluation import Evaluation, read_gold
from wherefrom.evaluation.bench import load_prompts, read_bench
from wherefrom.evaluation.bench.running import FORMAT, SHORT

GOLD = {"text": "Käse ist gut", "spans": [[0, 4]]}
PROMPT = {"id": "p", "set": "s", "prompt": "Käse ist", "answer": " gut", "evidence": []}
HEADER = json.dumps({"type": "header", "format": FORMAT, "model": "m", "bench": asdict(SHORT)})
READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "gold": (read_gold, json.dumps(GOLD)),
    "prompts": (load_prompts, json.dumps(PROMPT)),
    "bench": (read_bench, HEADER),
}
"""What reads a file, and its first line."""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", ["gold", "prompts"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, kind: str, encoding: str) -> None:
    read, line = READERS[kind]
    text = json.dumps(json.loads(line), ensure_ascii=False) + "\n"
    paths = [tmp_path / name for name in ("plain.jsonl", "other.jsonl")]
    for path, one in zip(paths, ("utf-8", encoding), strict=True):
        path.write_bytes(text.encode(one))
    plain, other = map(read, paths)
    assert plain == other
    assert len(plain) == 1


@pytest.mark.parametrize(
    "damage",
    ['{"text": "Käse"}'.encode("latin-1"), b'{"text": ' + b"[" * 200_000, b'{"text": "a', b"[1]", b"\xff\xfea"],
    ids=["latin-1", "deep", "cut", "other", "half of UTF-16"],
)
@pytest.mark.parametrize("kind", READERS)
def test_what_is_no_line_is_refused_with_its_number(tmp_path: Path, kind: str, damage: bytes) -> None:
    read, line = READERS[kind]
    path = tmp_path / "lines.jsonl"
    path.write_bytes(line.encode() + b"\n" + damage + b"\n")
    with pytest.raises(FileFormatError, match=r"lines\.jsonl, line 2\b"):
        read(path)


def test_what_does_not_go_on_as_its_mark_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gold.jsonl").write_bytes("Käse".encode("utf-16") + b"a")
    with pytest.raises(FileFormatError, match=r"gold\.jsonl begins as UTF-16 and does not go on so"):
        read_gold(tmp_path / "gold.jsonl")


@pytest.mark.parametrize("read", [Evaluation.load, ContextAttribution.load])
@pytest.mark.parametrize("damage", ['{"a": "ä"}'.encode("latin-1"), b'{"a": ' + b"[" * 200_000])
def test_what_is_saved_whole_is_refused_in_words(tmp_path: Path, read: Callable[[Path], Any], damage: bytes) -> None:
    (tmp_path / "one.json").write_bytes(damage)
    with pytest.raises(FileFormatError, match=r"one\.json"):
        read(tmp_path / "one.json")
