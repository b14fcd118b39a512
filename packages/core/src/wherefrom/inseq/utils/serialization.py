"""inseq's JSON: every record with its class's name, tensors as safetensors in base64. Nothing is imported by name."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import FileFormatError
from wherefrom.inseq.utils.torch_utils import convert_from_safetensor, convert_to_safetensor

_MARK = "__instance_type__"
RECORDS: dict[str, type] = {}
"""Classes that files may hold, by name; the modules that define them add them."""

_TENSOR_FIELDS = ("source_attributions", "target_attributions")
_TENSOR_TABLES = ("step_scores", "sequence_scores")


def json_advanced_dumps(
    obj: Any,
    sort_keys: bool = True,
    use_primitives: bool = True,
    scores_precision: str = "float32",
    **kwargs: Any,
) -> str:
    """An object of results as text.

    Args:
        use_primitives: Plain dictionaries instead of records with their class's name.
        scores_precision: Of tensors: ``"float32"``, ``"float16"`` or ``"float8"``.
    """
    return json.dumps(
        _encoded(obj, use_primitives, scores_precision), indent=4, sort_keys=sort_keys, ensure_ascii=False
    )


def json_advanced_dump(obj: Any, fp: Any, use_primitives: bool = False, **kwargs: Any) -> None:
    """The text of `json_advanced_dumps`, written to an open file or a path."""
    text = json_advanced_dumps(obj, use_primitives=use_primitives, **kwargs)
    if hasattr(fp, "write"):
        fp.write(text)
    else:
        Path(fp).write_text(text, "utf-8")


def _encoded(value: Any, plain: bool, precision: str) -> Any:
    if isinstance(value, Tensor):
        return base64.b64encode(convert_to_safetensor(value.detach().cpu(), precision)).decode()
    if is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in fields(value) if not one.name.startswith("_") and one.name != "unit"]
        inside = {name: _encoded(getattr(value, name), plain, precision) for name in names}
        if plain:
            return inside
        module = type(value).__module__.removeprefix("wherefrom.")
        return {_MARK: [module, type(value).__name__], "attributes": inside}
    if isinstance(value, Mapping):
        return {str(name): _encoded(one, plain, precision) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_encoded(one, plain, precision) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def json_advanced_loads(string: str | bytes, cls_lookup_map: Mapping[str, type] | None = None, **kwargs: Any) -> Any:
    """What `json_advanced_dumps` wrote.

    Args:
        cls_lookup_map: Class name to class; None: `RECORDS`. Records of other classes are refused.

    Raises:
        FileFormatError: It is no JSON, or names an unknown class.
    """
    try:
        document = json.loads(string)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"The file is no JSON: {error}.") from error
    return _decoded(document, RECORDS if cls_lookup_map is None else cls_lookup_map)


def json_advanced_load(fp: Any, cls_lookup_map: Mapping[str, type] | None = None, **kwargs: Any) -> Any:
    """The content of a path or an open file."""
    text = fp.read() if hasattr(fp, "read") else Path(fp).read_bytes()
    return json_advanced_loads(text, cls_lookup_map, **kwargs)


def _decoded(value: Any, classes: Mapping[str, type]) -> Any:
    if isinstance(value, list):
        return [_decoded(one, classes) for one in value]
    if not isinstance(value, dict):
        return value
    if "__ndarray__" in value:
        return _array(value)
    if _MARK not in value:
        return {name: _decoded(one, classes) for name, one in value.items()}
    name = value[_MARK][-1]
    if name not in classes:
        raise FileFormatError(f"The file has a record of class {name!r}; known are {', '.join(sorted(classes))}.")
    inside = {key: _decoded(one, classes) for key, one in (value.get("attributes") or {}).items()}
    known = {one.name for one in fields(classes[name])}
    for field in _TENSOR_FIELDS:
        if field in inside:
            inside[field] = _tensor(inside[field])
    for field in _TENSOR_TABLES:
        if isinstance(inside.get(field), dict):
            inside[field] = {key: _tensor(one) for key, one in inside[field].items()}
    return classes[name](**{key: one for key, one in inside.items() if key in known})


def _array(value: Mapping[str, Any]) -> Any:
    """An array that is written as numbers, or as its bytes in base64."""
    content, dtype, shape = value["__ndarray__"], np.dtype(value["dtype"]), value.get("shape")
    if isinstance(content, str):
        kind, _, text = content.partition(":")
        data = base64.b64decode(text)
        array = np.frombuffer(gzip.decompress(data) if kind.endswith("gz") else data, dtype=dtype)
        return array.reshape(shape, order="C" if value.get("Corder", True) else "F").copy()
    return np.array(content, dtype=dtype).reshape(shape)


def _tensor(value: Any) -> Any:
    if isinstance(value, str):
        return convert_from_safetensor(base64.b64decode(value))
    return torch.tensor(value) if isinstance(value, list) else value
