"""The JSON Schema of files, from the types that read and write them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from wherefrom.files.wire.documents import FORMAT, VERSION
from wherefrom.files.wire.examples import WireExample
from wherefrom.results.provenance import Provenance


def schema() -> dict[str, Any]:
    """Schema of a ``.json`` document: 2020-12, references inside it."""
    (example, provenance), components = msgspec.json.schema_components(
        [WireExample, Provenance], ref_template="#/$defs/{name}"
    )
    version = f"^{VERSION[0]}\\.\\d+$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"wherefrom results, version {'.'.join(map(str, VERSION))}",
        "description": "Fields that are not named here are kept by readers.",
        "type": "object",
        "required": ["format", "version", "provenance", "examples"],
        "properties": {
            "format": {"const": FORMAT},
            "version": {"type": "string", "pattern": version},
            "provenance": provenance,
            "examples": {"type": "array", "items": example},
        },
        "$defs": components,
    }


def pages() -> dict[str, str]:
    """File name to content."""
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    page = (
        "# JSON Schema of files\n\nMade from the types that read and write the files ([what they mean](files.md)). It holds for `.json`; each line "
        "of a\n`.jsonl` after the first is one of `examples`. {download}`wherefrom.schema.json`\n\n"
        "```{literalinclude} wherefrom.schema.json\n:language: json\n```\n"
    )
    return {"wherefrom.schema.json": text, "file-schema.md": page}
