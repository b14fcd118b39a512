"""What is asked to be a number before `int` reads it is one: `int` reads no ``"²"``, and ``"²".isdigit()`` is true."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
OF_TEXTS = {"wherefrom/text/sentences.py"}
"""Where any digit counts, and none is read as a number."""


def test_numbers_in_text_are_asked_for_as_int_reads_them() -> None:
    users = set()
    for path in ROOT.glob("packages/*/src/**/*.py"):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if ".isdigit()" in line and ".isascii()" not in line:
                users.add(path.relative_to(ROOT).as_posix().split("/src/")[1])
    assert users <= OF_TEXTS, "str.isdecimal asks for what int reads"
