"""Values to bytes, whatever text is in them.

A string of Python may hold half of a surrogate pair, which no file format can: it comes from bytes on a command line
that are no UTF-8, for instance. Such halves are written as U+FFFD, the replacement character.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

REPLACEMENT = "\ufffd"
NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises at bytes that are no JSON, no UTF-8, nested too deeply or of another kind."""


def json_bytes(value: Any) -> bytes:
    """``value`` as JSON."""
    return _encoded(msgspec.json.encode, value)


def msgpack_bytes(value: Any) -> bytes:
    """``value`` as MessagePack."""
    return _encoded(msgspec.msgpack.encode, value)


def storable(value: Any) -> Any:
    """``value``, made of dictionaries, lists and scalars, without halves of surrogate pairs."""
    if isinstance(value, str):
        return "".join(REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in value)
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def _encoded(encode: Callable[[Any], bytes], value: Any) -> bytes:
    try:
        return encode(value)
    except UnicodeEncodeError:
        return encode(storable(msgspec.to_builtins(value, builtin_types=(bytes,))))
