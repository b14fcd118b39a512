"""What a run is: its settings, where it came from, and what makes it the same run when it is resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from wherefrom.errors import FileFormatError, InputError
from wherefrom.files.wire.bytes import write_whole
from wherefrom.files.wire.documents import VERSION, check_version
from wherefrom.files.wire.examples import RawFields, decode_provenance, encode_provenance, split_known, typed
from wherefrom.files.wire.limits import Budget
from wherefrom.files.wire.plain import to_plain
from wherefrom.results.provenance import Provenance

MANIFEST = "manifest.json"
RUN_FORMAT = "wherefrom-run"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a run."""

    fingerprint: str = ""
    """Hash of all that decides the numbers; a run is resumed only where it matches."""
    settings: dict[str, Any] = {}
    """Resolved settings, enough to start the run again."""
    total: int | None = None
    """How many examples it is going to have, if known."""
    created: str = ""
    """ISO 8601, UTC."""
    provenance: Provenance = Provenance()
    extra: dict[str, Any] = {}
    """Fields of later versions, kept as they came."""


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """A hash of plain values that does not depend on the order of keys."""
    return hashlib.sha256(msgspec.json.encode(to_plain(parts), order="sorted")).hexdigest()[:32]


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` into the folder ``path``."""
    fields = {
        "format": RUN_FORMAT,
        "version": ".".join(map(str, VERSION)),
        "fingerprint": manifest.fingerprint,
        "settings": to_plain(manifest.settings),
        "total": manifest.total,
        "created": manifest.created or datetime.now(UTC).isoformat(timespec="seconds"),
        "provenance": encode_provenance(manifest.provenance),
        **to_plain(manifest.extra),
    }
    data = msgspec.json.format(msgspec.json.encode(fields), indent=2)
    write_whole(path / MANIFEST, [data, b"\n"], overwrite=True, follow=False)


_TYPES = {"fingerprint": str, "settings": dict[str, Any], "total": int | None, "created": str}


def read_manifest(path: Path) -> Manifest:
    """The manifest of the run in the folder ``path``.

    Raises:
        InputError: There is no run.
        FileFormatError: The manifest is damaged, or of a newer major version.
    """
    file = path / MANIFEST
    if not file.is_file():
        raise InputError(f"{path} is no run: it has no {MANIFEST}.")
    if file.is_symlink():
        raise FileFormatError(f"{file} is a symbolic link. The files of a run lie in its own folder.")
    data = file.read_bytes()
    try:
        raw = typed(data, RawFields, msgspec.json.decode, "$")
        decode = msgspec.json.decode
        if typed(raw.pop("format", msgspec.Raw(b"null")), Any, decode, "$.format") != RUN_FORMAT:
            raise FileFormatError(f"the field 'format' does not say {RUN_FORMAT!r}.")
        check_version(typed(raw.pop("version", msgspec.Raw(b"null")), Any, decode, "$.version"))
        budget = Budget(len(data))
        provenance = Provenance()
        if "provenance" in raw:
            fields = typed(raw.pop("provenance"), RawFields, decode, "$.provenance")
            provenance = decode_provenance(fields, decode, budget, "$.provenance")
        known, extra = split_known(raw, _TYPES, decode, budget, "$")
    except FileFormatError as error:
        raise FileFormatError(f"{file}: {error}") from error
    return Manifest(**known, provenance=provenance, extra=extra)
