"""Standard input is read as a file is, and standard output takes all that it is given."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wherefrom.errors import FileFormatError
from wherefrom_cli.console import Console
from wherefrom_cli.main import main
from wherefrom_cli.streams import WholeWrites
from wherefrom_cli.texts import typed_texts

Run = Callable[..., Any]


class Slow(io.RawIOBase):
    """Takes seven bytes at a time, as many in all as there is room for."""

    def __init__(self, room: int = 10**9) -> None:
        self.taken = b""
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        more = bytes(data)[: min(7, self.room - len(self.taken))]
        if not more:
            raise OSError(28, "No space left on device")
        self.taken += more
        return len(more)


def test_a_write_takes_all_bytes_or_raises() -> None:
    slow = Slow()
    assert WholeWrites(slow).write(b"abc" * 100) == 300
    assert slow.taken == b"abc" * 100
    with pytest.raises(OSError, match="No space"):
        WholeWrites(Slow(room=20)).write(b"abc" * 100)


def test_a_document_on_an_unbuffered_stream_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(slow, encoding="utf-8", write_through=True))  # type: ignore[arg-type]
    assert main(["list", "--json"]) == 0
    assert set(json.loads(slow.taken)) >= {"methods", "aggregators"}
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(Slow(50), encoding="utf-8", write_through=True))  # type: ignore[arg-type]
    assert main(["list", "--json"]) == 1


def test_a_reader_that_has_gone_ends_a_view_in_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = os.fdopen(writer, "w", encoding="utf-8")
    monkeypatch.setattr("sys.stdout", pipe)
    assert main(["attribute", "-m", "demo:lm", "-a", "attention", "-i", "He was", "-g", "He was sick"]) == 141
    pipe.close()
    assert "Error" not in capsys.readouterr().err


TEXTS = "Mary était là.\r\n\nहिन्दी\n"


def console(data: bytes, encoding: str) -> Console:
    """The stream as the locale would read it."""
    stdin = io.TextIOWrapper(io.BytesIO(data), encoding=encoding)
    return Console(stdin=stdin, stdout=io.StringIO(), stderr=io.StringIO())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("locale", ["ascii", "latin-1", "utf-8"])
def test_standard_input_is_read_as_a_file_of_the_same_bytes(tmp_path: Path, encoding: str, locale: str) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(TEXTS.encode(encoding))
    (of_file,) = typed_texts(console(b"", locale), [f"@{path}"])
    (of_stdin,) = typed_texts(console(path.read_bytes(), locale), ["-"])
    assert of_stdin == of_file == ["Mary était là.", "हिन्दी"]


@pytest.mark.parametrize(
    "data, told",
    [
        ("ok\ncafé".encode("latin-1"), "standard input, line 2 is not UTF-8 text"),
        ("ok".encode("utf-16-le"), "standard input, line 1 holds a NUL character"),
        ("ok".encode("utf-16")[:-1], "standard input begins as UTF-16"),
    ],
)
def test_standard_input_that_is_no_text_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(FileFormatError, match=told):
        typed_texts(console(data, "utf-8"), ["-"])


def test_one_text_is_read_from_a_file_or_standard_input(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "q.txt").write_text("His colleagues asked him to come\n")
    (tmp_path / "two.txt").write_text("one\ntwo\n")
    asked = ("attribute-context", "-m", "demo:lm", "--input-context-text", "George was sick yesterday.", "-o", "-")
    made = [wherefrom(*asked, "--input-current-text", "@q.txt")]
    monkeypatch.setattr("sys.stdin", io.StringIO("His colleagues asked him to come\n"))
    made.append(wherefrom(*asked, "--input-current-text", "-"))
    for ran in made:
        assert json.loads(ran.out)["info"]["input_current_text"] == "His colleagues asked him to come", ran.err
    refused = wherefrom(*asked, "--input-current-text", "@two.txt")
    assert refused.code == 2
    assert "two.txt holds 2 texts, one on each line, and --input-current-text takes one" in refused.err
    assert "@q.txt" not in wherefrom("demo", "-a", "saliency", "-i", "@q.txt").out


def test_a_text_that_begins_with_an_at_sign_is_asked_for_again(wherefrom: Run, tmp_path: Path) -> None:
    asked = ("attribute-context", "-m", "demo:lm", "--input-context-text", "George was sick.", "--no-show-viz")
    assert wherefrom(*asked, "--input-current-text", "@@mary", "-o", "one.json").code == 0
    (tmp_path / "again.toml").write_text(wherefrom("info", "one.json", "--as-config").out)
    ran = wherefrom("attribute-context", "--config-file", "again.toml", "-o", "two.json", "--no-show-viz")
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "two.json").read_text())["info"]["input_current_text"] == "@mary"
