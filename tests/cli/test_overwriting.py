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


TWICE: dict[str, tuple[str, ...]] = {
    "attribute": ("attribute", *MODEL, "-i", "text", "-o", "x.json", "--viz-path", "x.json"),
    "trace": ("trace", *MODEL, "-i", "text", "-o", "x.json", "--viz-path", "./x.json"),
    "attribute-dataset": ("attribute-dataset", "-d", "texts.txt", *MODEL, "-o", "x.json", "--viz-path", "x.json"),
    "a folder of a run": ("attribute-dataset", "-d", "texts.txt", *MODEL, "-o", "x", "--viz-path", "x"),
    "attribute-context": (*CONTEXT, "-o", "x.json", "--citations", "x.json"),
    "attribute-context, page": (*CONTEXT, "--citations", "x.json", "--viz-path", "link.json"),
    "evaluate": ("evaluate", "nowhere.json", "-o", "x.json", "--annotate", "x.json"),
    "evaluate twice": ("evaluate", "nowhere.json", "-o", "x.json", "x.json"),
    "bench twice": ("bench", *MODEL, "-o", "x.json", "x.json"),
}


@pytest.mark.parametrize("command", TWICE)
@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_one_file_for_two_results_is_refused_before_the_work(
    wherefrom: Run, tmp_path: Path, command: str, more: tuple[str, ...]
) -> None:
    (tmp_path / "texts.txt").write_text("a text\n")
    (tmp_path / "link.json").symlink_to("x.json")
    refused = wherefrom(*TWICE[command], *more)
    assert refused.code == 2
    assert "one would replace the other" in refused.err
    assert sorted(os.listdir(tmp_path)) == ["link.json", "texts.txt"]


@pytest.mark.parametrize(
    "command",
    [
        ("attribute-dataset", "-d", "texts.txt", *MODEL, "-o", "out.html"),
        ("attribute-dataset", "-d", "texts.txt", *MODEL, "-o", "OUT.PARQUET"),
        ("attribute-dataset", "-d", "texts.txt", *MODEL, "-o", "out.gz"),
        (*CONTEXT, "-o", "out.html"),
        (*CONTEXT, "--citations", "out.html"),
        ("evaluate", "nowhere.json", "--annotate", "out.html"),
    ],
    ids=lambda command: " ".join((command[0], *command[-2:])),
)
def test_a_name_that_does_not_say_what_is_written_is_refused(
    wherefrom: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "texts.txt").write_text("a text\n")
    refused = wherefrom(*command)
    assert refused.code == 2
    assert "does not say what to write" in refused.err
    assert sorted(os.listdir(tmp_path)) == ["texts.txt"]


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
