"""Files of inseq: read those of 0.4 to 0.7, write those that 0.7.1 loads and shows.

Such a file wraps every object as ``{"__instance_type__": [module, class], "attributes": {...}}``. The class name is
read as text, to tell what the dimensions are; nothing is imported. Scores are base64 strings of safetensors (from
0.7), ``__ndarray__`` objects (before) or nested lists, with NaN where a step could not look.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.errors import FileFormatError, InputError
from wherefrom.files.wire.encoding import storable
from wherefrom.files.wire.examples import RawFields, decode_example, encode_example, typed
from wherefrom.files.wire.limits import OBJECT_SIZE, Budget
from wherefrom.files.wire.tokens import check_tokens
from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.step_functions.base import declared_alone, usual_span_aggregation
from wherefrom.text.spelling import texts_of_pieces
from wherefrom.text.tokens import Token

Fields = dict[str, Any]

_OBJECT = "__instance_type__"
_ARRAY = "__ndarray__"
_ROOT = "FeatureAttributionOutput"
_SEQUENCE = "FeatureAttributionSequenceOutput"
_MODULE = "inseq.data.attribution"
_DEFAULTS = {
    (): (),
    ("width",): (Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize")),
    ("layer",): (Stage(name="reduce", settings={"aggregate_fn": "mean"}), Stage(name="normalize")),
    ("layer", "head"): (Stage(name="reduce", settings={"aggregate_fn": "mean"}), Stage(name="normalize")) * 2,
}

OURS = "wherefrom"
"""A key of ``info``, which inseq keeps as it is: each example as our own files have it, but for its arrays."""
_DIGESTS = "scores"
"""In each of these: what tells its scores from others."""
_ARRAYS = ("source_attributions", "target_attributions", "step_scores", "sequence_scores")

_SPECIAL = re.compile(r"(?!<unk>|\[UNK\]|<0x[0-9A-F]{2}>)(?:<\|?[^<>\s]+\|?>|\[[A-Z]+\])")
"""How marks are spelt; files of inseq do not say which tokens are some. Unknown words and bytes are text."""


# reading


_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
"""Where a text may have half of a pair that stands for one character; whole pairs are fine."""


_BEGINNING = re.compile(rb'\s*\{\s*"(?:__instance_type__|info|sequence_attributions|step_attributions)"\s*:')
"""The first key, of wrapped objects and of plain ones; what texts hold further on says nothing."""


def is_inseq(data: bytes) -> bool:
    """Does the content begin as a file of inseq does, and have what such a file is about?"""
    return _BEGINNING.match(data) is not None and b'"sequence_attributions"' in data


def read_inseq(data: bytes, budget: Budget) -> tuple[Provenance, list[Fields]]:
    """Provenance, and keyword arguments of `Attribution` for each sequence.

    Step attributions, which repeat what the sequences say, are left out.

    Raises:
        FileFormatError: It is no file of inseq, or damaged.
    """
    budget.spend(OBJECT_SIZE * len(data), "The JSON of this inseq file")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"The inseq file is no JSON: {str(error) or 'nested too deeply'}.") from error
    if _SURROGATE.search(data):
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise FileFormatError("The inseq file has half a character (a lone surrogate) in a text.") from error
    root, _ = _unwrapped(document)
    sequences = root.get("sequence_attributions") if isinstance(root, dict) else None
    if not isinstance(sequences, list):
        raise FileFormatError("This is no file of inseq: it has no list 'sequence_attributions'.")
    info = root.get("info")
    info = info if isinstance(info, dict) else {}
    examples = [
        _sequence(one, info, budget, f"$.sequence_attributions[{index}]") for index, one in enumerate(sequences)
    ]
    if told := read_beside(info, len(examples), budget):
        examples = [
            {**one, **more.fields} if more.is_of(one) else one for one, more in zip(examples, told, strict=True)
        ]
    return _provenance(info), examples


COMPARED = ("source", "target", "attr_pos_start", "attr_pos_end", "dimensions", *_ARRAYS[:2])
"""Fields by which what a file says beside scores is known to be of these."""


@frozen(eq=False)
class Beside:
    """What a file says of an example beside its scores."""

    fields: Fields
    """Keyword arguments of `Attribution`, but for its arrays."""
    scores: tuple[str, ...] | None
    """Of which scores it says so, see `_digests`; None: of an earlier version, which did not tell."""

    def is_of(self, read: Fields) -> bool:
        """Does it say so of these tokens, steps, dimensions and scores?

        Another program may have changed these and kept ``info``; then it tells of what is no longer there.
        """
        return _layout(self.fields) == _layout(read) and (self.scores is None or _digest(read) in self.scores)


def read_beside(info: Mapping[str, Any], count: int, budget: Budget) -> list[Beside]:
    """What `to_inseq` wrote of each example beside its scores.

    Returns:
        Nothing for a file of inseq's own, or of another number of examples.

    Raises:
        FileFormatError: It is damaged.
    """
    told = info.get(OURS)
    if not isinstance(told, list) or len(told) != count:
        return []
    found = []
    for index, one in enumerate(told):
        where = f"$.info.{OURS}[{index}]"
        own, known = one, None
        if isinstance(one, dict):
            own = dict(one)
            known = own.pop(_DIGESTS, None)
        raw = typed(msgspec.json.encode(storable(own)), RawFields, msgspec.json.decode, where)
        ours = decode_example(raw, msgspec.json.decode, budget, where)
        found.append(
            Beside(
                fields={name: value for name, value in ours.items() if name not in _ARRAYS},
                scores=tuple(known) if isinstance(known, list) else None if known is None else (),
            )
        )
    return found


def _digests(attribution: AttributionData) -> list[str]:
    """What tells the scores of inputs from others, as files have them: whole, and rounded as inseq may save them."""
    source, target = attribution.source_attributions, _visible(attribution)
    return [
        _digest(
            {
                name: None if scores is None else _without_nan(rounded(np.asarray(scores, np.float32)))
                for name, scores in (("source_attributions", source), ("target_attributions", target))
            }
        )
        for rounded in (np.asarray, _in_half, _in_eight_bits)
    ]


def _digest(fields: Fields) -> str:
    digest = hashlib.sha256()
    for name in ("source_attributions", "target_attributions"):
        scores = fields[name]
        told = b"" if scores is None else np.ascontiguousarray(scores + np.float32(0), "<f4").tobytes()  # no minus zero
        digest.update(f"{None if scores is None else scores.shape}".encode() + told)
    return digest.hexdigest()[:32]


def _in_half(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return scores.astype(np.float16).astype(np.float32)


def _in_eight_bits(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The nearest of `_E4M3`, of two the one with an even fraction."""
    sizes = _E4M3[:127].astype(np.float64)
    size = np.abs(scores).astype(np.float64)
    above = np.clip(np.searchsorted(sizes, size), 1, 126)
    low, high = sizes[above - 1], sizes[above]
    up = (size - low > high - size) | ((size - low == high - size) & (above % 2 == 0))
    nearest = np.where(np.isnan(size), np.nan, np.where(up, high, low))
    return np.copysign(nearest, scores).astype(np.float32)


def _layout(fields: Fields) -> tuple[Any, ...]:
    source, target = ([(token.piece, token.id) for token in fields[side]] for side in ("source", "target"))
    apart = source if source != target[: len(source)] else None  # a beginning says nothing that the target does not
    return apart, target, fields["attr_pos_start"], fields["attr_pos_end"], len(fields["dimensions"])


def _unwrapped(value: Any) -> tuple[Any, str]:
    """The attributes of a wrapped object and its class name; a plain dictionary as it is."""
    if isinstance(value, dict) and _OBJECT in value:
        kind = value[_OBJECT]
        name = kind[-1] if isinstance(kind, list) and kind and isinstance(kind[-1], str) else ""
        return value.get("attributes"), name
    return value, ""


def _sequence(value: Any, info: Mapping[str, Any], budget: Budget, where: str) -> Fields:
    attributes, kind = _unwrapped(value)
    if not isinstance(attributes, dict):
        raise FileFormatError(f"{where}: expected an attribution, got {type(attributes).__name__}.")
    source = _tokens(attributes.get("source"), f"{where}.source")
    target = _tokens(attributes.get("target"), f"{where}.target")
    arrays = {
        name: None if attributes.get(name) is None else _array(attributes[name], budget, f"{where}.{name}")
        for name in ("source_attributions", "target_attributions")
    }
    step_scores = _arrays(attributes.get("step_scores"), budget, f"{where}.step_scores")
    present = [array for array in arrays.values() if array is not None]
    if any(array.ndim < 2 for array in present):
        raise FileFormatError(f"{where}: scores have fewer than two dimensions.")
    end = attributes.get("attr_pos_end")
    end = end if isinstance(end, int) and 0 <= end <= len(target) else len(target)
    start = attributes.get("attr_pos_start")
    widths = {array.shape[1] for array in present} | {array.size for array in step_scores.values()}
    if widths:
        start = end - max(widths)  # inseq counts back from the end, too
    if not isinstance(start, int) or not 0 <= start <= end:
        raise FileFormatError(f"{where}: {max(widths, default=0)} steps do not fit into {end} target tokens.")
    if arrays["target_attributions"] is not None:
        arrays["target_attributions"] = _padded(arrays["target_attributions"], len(target), where)
    method = str(info.get("attribution_method") or "")
    dimensions = _dimensions(present[0].ndim - 2 if present else 0, kind, method)
    return {
        "source": source,
        "target": target,
        "attr_pos_start": start,
        "attr_pos_end": end,
        **{name: None if array is None else _without_nan(array) for name, array in arrays.items()},
        "step_scores": step_scores,
        "sequence_scores": {
            name: _without_nan(array)
            for name, array in _arrays(attributes.get("sequence_scores"), budget, f"{where}.sequence_scores").items()
        },
        "dimensions": dimensions,
        "default_aggregation": _DEFAULTS.get(dimensions, _DEFAULTS["layer",] * len(dimensions)),
        "method": method,
        "signed": any(bool((array < 0).any()) for array in present),
        "step_aggregation": _step_aggregation(step_scores, info.get("step_scores_args")),
    }


def _step_aggregation(names: Iterable[str], settings: Any) -> dict[str, str]:
    """How step scores of known functions merge, with the settings that all of them were given."""
    known = settings if isinstance(settings, dict) else {}
    rules = {name: usual_span_aggregation(name, known) for name in names}
    return {name: rule for name, rule in rules.items() if rule is not None}


def _dimensions(extra: int, kind: str, method: str) -> tuple[str, ...]:
    """Names of the axes after input and step, by class and method."""
    if extra == 0:
        return ()
    if extra == 1:
        layers = kind.startswith("MultiDimensional") or method in ("value_zeroing", "attention")
        return ("layer",) if layers else ("width",)
    return ("layer", "head") if extra == 2 else tuple(f"dimension {index}" for index in range(extra))


def _tokens(value: Any, where: str) -> tuple[Token, ...]:
    if not isinstance(value, list):
        raise FileFormatError(f"{where}: expected a list of tokens, got {type(value).__name__}.")
    pairs = [_token(one, f"{where}[{index}]") for index, one in enumerate(value)]
    texts = texts_of_pieces([piece for piece, _ in pairs])
    tokens = tuple(
        Token(id=id, piece=piece, text=text, position=index, special=bool(_SPECIAL.fullmatch(piece)))
        for index, ((piece, id), text) in enumerate(zip(pairs, texts, strict=True))
    )
    check_tokens(tokens, where)
    return tokens


def _token(value: Any, where: str) -> tuple[str, int]:
    value, _ = _unwrapped(value)
    if isinstance(value, dict):
        value = [value.get("token"), value.get("id")]
    if isinstance(value, str):
        value = [value, -1]
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
        raise FileFormatError(f"{where}: expected a token and its id.")
    if value[1] is not None and (not isinstance(value[1], int) or isinstance(value[1], bool)):
        raise FileFormatError(f"{where}: the id of a token is a number.")
    return value[0], -1 if value[1] is None else value[1]


def _arrays(value: Any, budget: Budget, where: str) -> dict[str, npt.NDArray[Any]]:
    value, _ = _unwrapped(value)
    if not value:
        return {}
    if not isinstance(value, dict):
        raise FileFormatError(f"{where}: expected names and arrays, got {type(value).__name__}.")
    return {name: _array(one, budget, f"{where}.{name[:40]}") for name, one in value.items()}


def _array(value: Any, budget: Budget, where: str) -> npt.NDArray[Any]:
    """An array in any of the three forms, as float32 (or as integers)."""
    if isinstance(value, str):
        return _safetensors(_base64(value, where), budget, where)
    if isinstance(value, dict) and _ARRAY in value:
        content = value[_ARRAY]
        if isinstance(content, str):
            return _bytes_array(value, content, budget, where)
        value = content
    if not isinstance(value, list):
        raise FileFormatError(f"{where}: expected an array, got {type(value).__name__}.")
    try:
        return np.asarray(value, dtype=np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise FileFormatError(f"{where}: no array: {error}.") from error


def _base64(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileFormatError(f"{where}: no base64: {error}.") from error


def _bytes_array(value: Mapping[str, Any], content: str, budget: Budget, where: str) -> npt.NDArray[Any]:
    """The ``__ndarray__`` form: dtype, shape, and bytes that may be gzipped."""
    shape = value.get("shape")
    dtype = _DTYPES.get(str(value.get("dtype")))
    if dtype is None or not (isinstance(shape, list) and all(isinstance(n, int) and n >= 0 for n in shape)):
        raise FileFormatError(f"{where}: dtype {str(value.get('dtype'))[:40]!r} or shape is unknown.")
    expected = math.prod(shape) * np.dtype(dtype).itemsize
    budget.spend(expected, where)
    form, _, encoded = content.rpartition(":")
    data = _base64(encoded, where)
    if form == "b64.gz":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, expected + 1)
        except zlib.error as error:
            raise FileFormatError(f"{where}: damaged: {error}.") from error
    elif form != "b64":
        raise FileFormatError(f"{where}: unknown form {form[:40]!r}.")
    return _shaped(data, dtype, shape, where, order="C" if value.get("Corder", True) else "F")


_DTYPES = {name: name for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")}
_TENSOR_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "uint16",
    "F8_E4M3": "uint8",
    "I64": "int64",
    "I32": "int32",
}


def _safetensors(data: bytes, budget: Budget, where: str) -> npt.NDArray[Any]:
    """The tensor ``attribution`` of a safetensors file.

    Source: https://github.com/huggingface/safetensors, section Format.
    """
    length = int.from_bytes(data[:8], "little")
    try:
        about = json.loads(data[8 : 8 + length])["attribution"]
        name, shape, (begin, end) = about["dtype"], about["shape"], about["data_offsets"]
        dtype = _TENSOR_DTYPES[name]
        fits = all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FileFormatError(f"{where}: no safetensors with a tensor 'attribution'.") from error
    if not fits:
        raise FileFormatError(f"{where}: a size of the tensor is negative or no number.")
    budget.spend(4 * math.prod(shape), where)
    array = _shaped(data[8 + length + begin : 8 + length + end], dtype, shape, where)
    if name == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return _E4M3[array] if name == "F8_E4M3" else array


def _e4m3() -> npt.NDArray[np.float32]:
    """All 256 numbers of 8 bits: sign, exponent of 4 bits with bias 7, fraction of 3; no infinity, two NaNs.

    Source: Micikevicius et al. (2022), "FP8 Formats for Deep Learning", https://arxiv.org/abs/2209.05433, table 1.
    """
    code = np.arange(256)
    exponent, fraction = (code >> 3) & 15, code & 7
    size = np.where(exponent == 0, fraction / 8 * 2.0**-6, (1 + fraction / 8) * 2.0 ** (exponent - 7.0))
    size = np.where((code & 127) == 127, np.nan, size)
    return np.where(code & 128, -size, size).astype(np.float32)


_E4M3 = _e4m3()


def _shaped(data: bytes, dtype: str, shape: Sequence[int], where: str, order: str = "C") -> npt.NDArray[Any]:
    little = np.dtype(dtype).newbyteorder("<")
    if len(data) != math.prod(shape) * little.itemsize:
        raise FileFormatError(f"{where}: {len(data)} bytes for shape {list(shape)!r} of {dtype}.")
    array = np.frombuffer(data, dtype=little).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(np.float32 if dtype.startswith("float") else dtype)


def _padded(scores: npt.NDArray[Any], rows: int, where: str) -> npt.NDArray[Any]:
    """Rows of NaN for the last tokens, which inseq leaves out at times."""
    if scores.shape[0] > rows:
        raise FileFormatError(f"{where}.target_attributions: {scores.shape[0]} rows for {rows} target tokens.")
    missing = ((0, rows - scores.shape[0]), *((0, 0),) * (scores.ndim - 1))
    return np.pad(scores.astype(np.float32, copy=False), missing, constant_values=np.nan)


def _without_nan(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(np.isnan(array), 0, array).astype(np.float32, copy=False)


_INFO_ARGUMENTS = (
    "attr_pos_start",
    "attr_pos_end",
    "attribute_target",
    "include_eos_baseline",
    "generate_from_target_prefix",
    "output_step_attributions",
)
_INFO_MODEL = {
    "model_name": "name",
    "model_class": "model_class",
    "tokenizer_name": "tokenizer_name",
    "tokenizer_class": "tokenizer_class",
}


def _provenance(info: Mapping[str, Any]) -> Provenance:
    """What inseq wrote about how the scores were made."""

    def texts(name: str) -> list[str]:
        value = info.get(name)
        return [str(text) for text in value] if isinstance(value, list) else []

    def mapping(name: str) -> dict[str, Any]:
        value = info.get(name)
        return value if isinstance(value, dict) else {}

    used = {"attribution_method", "attribution_args", "attributed_fn", "attributed_fn_args", "step_scores"}
    used |= {"step_scores_args", "input_texts", "generated_texts", "generation_args", "constrained_decoding"}
    used |= {"exec_time", OURS, *_INFO_ARGUMENTS, *_INFO_MODEL}
    seconds = info.get("exec_time")
    function = info.get("attributed_fn")
    return Provenance(
        model={ours: info[theirs] for theirs, ours in _INFO_MODEL.items() if info.get(theirs) is not None},
        method={"name": str(info.get("attribution_method") or ""), "settings": mapping("attribution_args")},
        attributed_fn={
            "name": str(function).removesuffix("_fn") if function else "",
            "settings": mapping("attributed_fn_args"),
        },
        step_scores=[
            {"name": name, "settings": declared_alone(name, mapping("step_scores_args"))}
            for name in texts("step_scores")
        ],
        arguments={name: info[name] for name in _INFO_ARGUMENTS if name in info},
        generation_args=mapping("generation_args"),
        input_texts=texts("input_texts"),
        generated_texts=texts("generated_texts"),
        constrained_decoding=bool(info.get("constrained_decoding")),
        seconds=float(seconds) if isinstance(seconds, int | float) and math.isfinite(seconds) else 0.0,
        extra={"from": "inseq", **{name: value for name, value in info.items() if name not in used}},
    )


# writing


def to_inseq(attributions: AttributionsData[Any]) -> bytes:
    """The JSON of a file that inseq 0.7.1 loads and shows.

    Raises:
        InputError: The scores have dimensions that inseq has no class for.
    """
    document = _wrapped(
        _ROOT,
        {
            "info": _info(attributions),
            "sequence_attributions": [_inseq_sequence(one) for one in attributions.sequence_attributions],
            "step_attributions": None,
        },
    )
    try:
        return _json(document)
    except UnicodeEncodeError:
        return _json(storable(document))


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=4, sort_keys=True).encode()


def _wrapped(name: str, attributes: dict[str, Any], module: str = _MODULE) -> dict[str, Any]:
    return {_OBJECT: [module, name], "attributes": attributes}


def _inseq_sequence(attribution: AttributionData) -> dict[str, Any]:
    if len(attribution.dimensions) > 2:
        raise InputError(f"inseq has no class for dimensions {attribution.dimensions!r}. Aggregate some of them first.")
    kind = "Coarse" if not attribution.dimensions else "MultiDimensional"
    kind = "Granular" if attribution.dimensions == ("width",) else kind
    return _wrapped(
        kind + _SEQUENCE,
        {
            "source": [_inseq_token(token) for token in attribution.source],
            "target": [_inseq_token(token) for token in attribution.target],
            "source_attributions": _tensor(attribution.source_attributions),
            "target_attributions": _tensor(_visible(attribution)),
            "step_scores": {name: _tensor(scores) for name, scores in attribution.step_scores.items()},
            "sequence_scores": {name: _tensor(scores) for name, scores in attribution.sequence_scores.items()},
            "attr_pos_start": attribution.attr_pos_start,
            "attr_pos_end": attribution.attr_pos_end,
        },
    )


def _visible(attribution: AttributionData) -> npt.NDArray[Any] | None:
    """Scores of target tokens, NaN where no step sees them."""
    target = attribution.target_attributions
    if target is None:
        return None
    mask = attribution.target_visible.reshape(*target.shape[:2], *(1,) * (target.ndim - 2))
    return np.where(mask, target, np.nan)


def _inseq_token(token: Token) -> dict[str, Any]:
    return _wrapped("TokenWithId", {"token": token.piece, "id": token.id}, "inseq.utils.typing")


def _tensor(array: npt.NDArray[Any] | None) -> str | None:
    """A whole safetensors file with one tensor, in base64."""
    if array is None:
        return None
    data = np.ascontiguousarray(array, dtype="<f4").tobytes()
    about = {"attribution": {"dtype": "F32", "shape": list(array.shape), "data_offsets": [0, len(data)]}}
    header = json.dumps(about, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return base64.b64encode(len(header).to_bytes(8, "little") + header + data).decode()


def _info(attributions: AttributionsData[Any]) -> dict[str, Any]:
    """The keys that inseq writes, as far as we know their values."""
    provenance = attributions.provenance
    examples = attributions.sequence_attributions
    step_scores = list(examples[0].step_scores) if examples else []
    info = {
        "attribution_method": provenance.method.get("name") or (examples[0].method if examples else ""),
        "attribution_args": provenance.method.get("settings", {}),
        "attributed_fn": provenance.attributed_fn.get("name", ""),
        "attributed_fn_args": provenance.attributed_fn.get("settings", {}),
        "attr_pos_start": min((one.attr_pos_start for one in examples), default=0),
        "attr_pos_end": max((one.attr_pos_end for one in examples), default=0),
        "attribute_target": any(one.target_attributions is not None for one in examples),
        "constrained_decoding": provenance.constrained_decoding,
        "exec_time": provenance.seconds,
        "generate_from_target_prefix": bool(provenance.arguments.get("generate_from_target_prefix", False)),
        "generated_texts": provenance.generated_texts,
        "generation_args": provenance.generation_args,
        "include_eos_baseline": bool(provenance.arguments.get("include_eos_baseline", False)),
        "input_texts": provenance.input_texts,
        "output_step_attributions": False,
        "step_scores": step_scores,
        "step_scores_args": _shared_settings(provenance.step_scores),
    }
    for theirs, ours in _INFO_MODEL.items():
        info[theirs] = provenance.model.get(ours)
    info[OURS] = beside(examples)
    return info


def beside(examples: Iterable[AttributionData]) -> list[Any]:
    """What inseq's form has no place for, for ``info[OURS]``."""
    return [{**msgspec.to_builtins(encode_example(_without_arrays(one))), _DIGESTS: _digests(one)} for one in examples]


def _without_arrays(attribution: AttributionData) -> AttributionData:
    return attribution.replace(source_attributions=None, target_attributions=None, step_scores={}, sequence_scores={})


def _shared_settings(functions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of several functions in one mapping, without those in which they differ."""
    stated: dict[str, list[Any]] = {}
    for function in functions:
        for name, value in function.get("settings", {}).items():
            stated.setdefault(name, []).append(value)
    return {name: values[0] for name, values in stated.items() if all(value == values[0] for value in values)}
