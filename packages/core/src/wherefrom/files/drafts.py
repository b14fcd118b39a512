"""What replaces a folder's content as a whole is written beside it first, by one writer at a time."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wherefrom.files.locks import RunLock


@contextmanager
def draft_in(folder: Path, kind: str, check: Callable[[], None]) -> Iterator[Path]:
    """The path of a folder to write a draft into, in ``folder``, whose `RunLock` is held meanwhile.

    Of a draft that was not put in its place nothing is left, nor of the folder, if it was new. Drafts of the same kind
    that are there are of starts that were killed, and are removed.

    Args:
        folder: What is replaced; it is made.
        kind: What is written: ``"run"``, ``"site"``.
        check: Refuses what must not be replaced. Asked before anything is made, and again when nobody else writes.

    Raises:
        InputError: Another process writes there.
    """
    check()
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{kind}.{secrets.token_hex(4)}.part"
    try:
        with RunLock(folder):
            check()
            for killed in folder.glob(f".{kind}.{'[0-9a-f]' * 8}.part"):
                if not killed.is_symlink():
                    shutil.rmtree(killed)
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if new:
            with suppress(OSError):
                folder.rmdir()
