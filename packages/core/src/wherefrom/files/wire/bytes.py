"""Bytes on disk: compression told by magic numbers, and files that are whole or not there."""

from __future__ import annotations

import codecs
import errno
import gzip
import os
import secrets
import zlib
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, cast

from wherefrom.errors import FileFormatError, InputError, MissingDependencyError
from wherefrom.files.wire.limits import Budget

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

_CHUNK = 1 << 20
_LONGEST_NAME = 255
"""Bytes that most systems let a name have."""


MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encodings that they tell."""


def in_utf8(data: bytes, name: object) -> bytes:
    """The bytes of a text that somebody wrote, in UTF-8 without a mark; other encodings are told by their byte order
    mark, and what has none is given back as it is.

    Args:
        name: Of the file, for messages.

    Raises:
        FileFormatError: It does not go on as its mark says.
    """
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if encoding is None:
        return without_mark(data)
    try:
        return data.decode(encoding).encode()
    except UnicodeError as error:
        raise FileFormatError(f"{name} begins as {encoding.upper()} and does not go on so: {error}.") from error


def without_mark(data: bytes) -> bytes:
    """The bytes of a text without the mark of UTF-8 that some editors and spreadsheets put before it."""
    return data.removeprefix(codecs.BOM_UTF8)


def compression_of(path: Path) -> str | None:
    """``"gz"``, ``"zst"`` or None, by the suffix of the name."""
    return {".gz": "gz", ".zst": "zst"}.get(path.suffix.lower())


def compress(data: bytes, how: str | None) -> bytes:
    """``data``, compressed; the same bytes every time."""
    if how is None:
        return data
    if how == "gz":
        return gzip.compress(data, compresslevel=6, mtime=0)
    return cast(bytes, _zstandard().ZstdCompressor(level=6, write_checksum=True).compress(data))


def decompress(data: bytes, budget: Budget) -> bytes:
    """``data`` as it was before compression, if it was compressed.

    Raises:
        FileFormatError: It is damaged, or unpacks to more than a file may.
    """
    if data[:2] == GZIP:
        return _inflate(lambda: zlib.decompressobj(wbits=31), data, budget)
    if data[:4] == ZSTD:
        zstandard = _zstandard()
        return _inflate(zstandard.ZstdDecompressor().decompressobj, data, budget, zstandard.ZstdError)
    return data


def _inflate(make: Any, data: bytes, budget: Budget, error_type: type[Exception] = zlib.error) -> bytes:
    """Decompress piece by piece, so that a bomb is noticed before it goes off."""
    parts: list[bytes] = []
    while data:
        worker = make()
        # zlib can bound its output; zstd cannot, so it is fed little at a time
        bounded = error_type is zlib.error
        size = len(data) if bounded else 1 << 10
        position = 0
        pending = b""
        try:
            while not worker.eof and (position < len(data) or pending):
                if not pending:
                    pending = data[position : position + size]
                    position += len(pending)
                part = worker.decompress(pending, _CHUNK) if bounded else worker.decompress(pending)
                pending = worker.unconsumed_tail if bounded else b""
                budget.spend(len(part), "The decompressed file")
                parts.append(part)
        except error_type as error:
            raise FileFormatError(f"The compressed file is damaged: {error}.") from error
        if not worker.eof:
            raise FileFormatError("The compressed file is cut off.")
        data = worker.unused_data + data[position:]
    return b"".join(parts)


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependencyError(
            "Files ending in .zst need the package zstandard. Install it with: pip install 'wherefrom[zstd]'"
        ) from error
    return zstandard


def file_named(path: object) -> Path:
    """The path, if a file can have that name; names that are no UTF-8 (bytes as half characters) are names.

    Raises:
        InputError: It is no path, too long, or holds what no name does.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"{path!r} is no name of a file. Give a text or a Path.")
    named = Path(path)
    try:
        named.lstat()
    except ValueError as error:  # NUL, or half a character that stands for no byte
        raise InputError(f"{str(named)!r} can be no name of a file: {error}. Choose another name.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            shown = f"{str(named)[:40]!r}... of {len(str(named))} characters"
            raise InputError(f"{shown} is too long for the name of a file here. Choose a shorter one.") from error
    return named


def content_of(path: str | Path, *, instead: str = "Name the file itself.") -> bytes:
    """What the file holds.

    Args:
        instead: What to do about a folder.

    Raises:
        InputError: It is a folder, or no file can have that name.
        FileNotFoundError: It is not there.
    """
    path = file_named(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a file was expected. {instead}")
    return path.read_bytes()


def refuse_existing(path: str | Path, overwrite: bool) -> Path:
    """Stop before work is done that could not be saved.

    Returns:
        The path, which can be written to.

    Raises:
        InputError: The file is there and ``overwrite`` is false; it is a folder, or a device; it has no folder; or no
            file can have that name.
    """
    path = file_named(path)
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is {'a folder' if path.is_dir() else 'no file'}. Name a file to write.")
    if not overwrite and path.exists():
        raise InputError(f"{path} is there already. Choose another name, or pass overwrite=True to replace it.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}. Create it first.")
    return path


def sync_folder(path: Path) -> None:
    """Put the entries of a folder on disk: a new file is not safe before its name is."""
    if os.name == "nt":
        return  # folders cannot be opened there
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):  # file systems that know no such thing
            raise
    finally:
        os.close(folder)


def write_whole(path: str | Path, pieces: Iterable[bytes], *, overwrite: bool, follow: bool = True) -> None:
    """Write a file that appears complete or not at all, on disk when this returns.

    Args:
        follow: Does a symbolic link of that name stay one, and what it leads to is written? Not in folders that others
            may have put a link into: there the link is replaced.

    Raises:
        InputError: As `refuse_existing` has it.
        OSError: It cannot be written; the error names the file that was asked for.
    """
    path = refuse_existing(path, overwrite)
    if follow and path.is_symlink():
        path = refuse_existing(os.path.realpath(path), overwrite)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    if len(os.fsencode(draft.name)) > _LONGEST_NAME:
        draft = path.with_name(f".{secrets.token_hex(16)}.part")
    try:
        with draft.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        refuse_existing(path, overwrite)
        os.replace(draft, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(FileNotFoundError):
            draft.unlink()
        if isinstance(error, OSError) and error.filename == str(draft):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def append_whole(file: FileIO, data: bytes) -> int:
    """Append ``data`` whole or not at all, on disk when this returns; the place where it begins."""
    begin = file.tell()
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            file.truncate(begin)  # a full disk leaves half a line
            file.seek(begin)
        raise
    return begin
