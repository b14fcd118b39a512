"""No command replaces a file unasked, and none finds out after its work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

MODEL = ("-m", "no/such-model")
CONTEXT = ("attribute-context", *MODEL, "--input-current-text", "now", "--input-context-text", "then")
WRITING: dict[str, tuple[str, ...]] = {
    "attribute -o": ("attribute", *MODEL, *("-i", "text"), "-o", "named.json"),
    "attribute --viz-path": ("attribute", *MODEL, *("-i", "text"), "--viz-path", "named.html"),
    "attribute-context -o": (*CONTEXT, "-o", "named.json"),
    "attribute-context --viz-path": (*CONTEXT, "--viz-path", "named.html"),
    "attribute-context --citations": (*CONTEXT, "--citations", "named.json"),
    "attribute-dataset -o": ("attribute-dataset", "-d", "texts.txt", *MODEL, "-o", "named.jsonl"),
    "attribute-dataset --viz-path": ("attribute-dataset", "-d", "texts.txt", *MODEL, "--viz-path", "named.html"),
    "trace -o": ("trace", *MODEL, *("-i", "text"), "-o", "named.json"),
    "bench -o": ("bench", *MODEL, "-o", "named.json"),
    "evaluate -o": ("evaluate", "nowhere.json", "-o", "named.json"),
    "evaluate --annotate": ("evaluate", "nowhere.json", "--annotate", "named.json"),
    "fit-attention -o": ("fit-attention", "texts.txt", *MODEL, "-o", "named.npz"),
    "export -o": ("export", "nowhere.json", "-o", "named.svg"),
    "export of a table": ("export", "nowhere.json", "-o", "named.csv"),
    "convert -o": ("convert", "nowhere.json", "-o", "named.json"),
    "merge -o": ("merge", "nowhere.json", "-o", "named.json"),
}


@pytest.mark.parametrize("command", WRITING)
def test_files_are_refused_before_anything_is_read(wherefrom: Run, tmp_path: Path, command: str) -> None:
    arguments = WRITING[command]
    (tmp_path / "texts.txt").write_text("a text\n")
    named = tmp_path / next(one for one in arguments if one.startswith("named"))
    named.write_text("somebody's")
    there = wherefrom(*arguments)
    assert (there.code, "is there already" in there.err, "--overwrite" in there.err) == (2, True, True), there.err
    assert named.read_text() == "somebody's"
    named.unlink()
    named.mkdir()
    folder = wherefrom(*arguments, "--overwrite")
    assert (folder.code, "is a folder" in folder.err) == (2, True), folder.err
    assert sorted(os.listdir(tmp_path)) == sorted([named.name, "texts.txt"])
