"""One attribution in files, and back to the fields of an `Attribution`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from wherefrom.errors import FileFormatError
from wherefrom.files.wire.arrays import WireArray, decode_array, encode_array
from wherefrom.files.wire.limits import Budget
from wherefrom.files.wire.plain import from_plain, to_plain
from wherefrom.files.wire.tokens import WireTokens, decode_tokens, encode_tokens
from wherefrom.results.data import TRACE, AttributionData
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment

T = TypeVar("T")
Fields = dict[str, Any]
"""Keyword arguments of `Attribution`."""
RawFields = dict[str, msgspec.Raw]
"""The fields of an object, not decoded yet."""
Decode = Callable[..., Any]
"""``msgspec.json.decode`` or ``msgspec.msgpack.decode``."""


class WireExample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attribution; see the class of that name for what the fields mean."""

    id: str | None = None
    prompt: int | None = None
    """The source is the first so many target tokens."""
    source: WireTokens | None = None
    target: WireTokens
    steps: tuple[int, int]
    """First explained step, and the one after the last."""
    source_attributions: WireArray | None = None
    target_attributions: WireArray | None = None
    step_scores: dict[str, WireArray] = {}
    sequence_scores: dict[str, WireArray] = {}
    dimensions: tuple[str, ...] = ()
    method: str = ""
    signed: bool = True
    default_aggregation: tuple[Stage, ...] = ()
    aggregations: tuple[Stage, ...] = ()
    step_aggregation: dict[str, str] = {}
    segments: tuple[Segment, ...] = ()
    details: dict[str, Any] = {}
    annotations: dict[str, Any] = {}


_TYPES = {field.name: field.type for field in msgspec.structs.fields(WireExample)}
_SAME = ("id", "dimensions", "method", "signed", "step_aggregation", "segments")
"""Fields that are written as they are."""


def encode_example(attribution: AttributionData, *, narrow: bool = False) -> dict[str, Any]:
    """What is written for one attribution; `msgspec` encodes it.

    Args:
        narrow: Store source, target and sequence scores with 16 bits. Step scores are never narrowed.
    """
    repeated = not attribution.source_apart
    wire = WireExample(
        prompt=len(attribution.source) if repeated else None,
        source=None if repeated else encode_tokens(attribution.source),
        target=encode_tokens(attribution.target),
        steps=(attribution.attr_pos_start, attribution.attr_pos_end),
        source_attributions=_optional(attribution.source_attributions, narrow),
        target_attributions=_optional(attribution.target_attributions, narrow),
        step_scores={name: encode_array(scores) for name, scores in attribution.step_scores.items()},
        sequence_scores={
            name: encode_array(scores, narrow=narrow) for name, scores in attribution.sequence_scores.items()
        },
        default_aggregation=_stages(attribution.default_aggregation, to_plain),
        aggregations=_stages(attribution.aggregations, to_plain),
        details=to_plain(attribution.details),
        annotations=to_plain(attribution.annotations),
        **{name: getattr(attribution, name) for name in _SAME},
    )
    defaults = {field.name: field.default for field in msgspec.structs.fields(WireExample)}
    written = {
        name: value
        for name, value in ((name, getattr(wire, name)) for name in _TYPES)
        if value is not None and value != defaults[name] and value != {}
    }
    return {**written, **{name: to_plain(value) for name, value in attribution.extra.items() if name not in _TYPES}}


def decode_example(raw: RawFields, decode: Decode, budget: Budget, where: str) -> Fields:
    """Keyword arguments of `Attribution` for one written example; fields nobody knows go to ``extra``.

    Raises:
        FileFormatError: A field is missing, of the wrong type, or does not fit the others.
    """
    known, extra = split_known(raw, _TYPES, decode, budget, where)
    for name in ("target", "steps"):
        if name not in known:
            raise FileFormatError(f"{where}: the field {name!r} is missing.")
    wire = WireExample(**known)
    target = decode_tokens(wire.target, f"{where}.target")
    source = target[: wire.prompt or 0] if wire.source is None else decode_tokens(wire.source, f"{where}.source")
    fields: Fields = {name: getattr(wire, name) for name in _SAME}
    fields |= {
        "source": source,
        "target": target,
        "attr_pos_start": wire.steps[0],
        "attr_pos_end": wire.steps[1],
        "default_aggregation": _stages(wire.default_aggregation, from_plain),
        "aggregations": _stages(wire.aggregations, from_plain),
        "details": from_plain(wire.details),
        "annotations": from_plain(wire.annotations),
        "extra": extra,
    }
    if TRACE in fields["details"]:
        typed(fields["details"][TRACE], _Trace, msgspec.convert, f"{where}.details.{TRACE}")
    for name in ("source_attributions", "target_attributions"):
        array = getattr(wire, name)
        fields[name] = None if array is None else decode_array(array, budget, f"{where}.{name}")
    for name in ("step_scores", "sequence_scores"):
        arrays: Mapping[str, WireArray] = getattr(wire, name)
        fields[name] = {key: decode_array(one, budget, f"{where}.{name}[{key[:40]!r}]") for key, one in arrays.items()}
    return fields


_PROVENANCE_TYPES = {field.name: field.type for field in msgspec.structs.fields(Provenance) if field.name != "extra"}


class _Named(msgspec.Struct):
    """What is read of a method or a function in provenance."""

    name: str | None = None
    settings: dict[str, Any] = {}
    files: dict[str, str] = {}


class _Trace(msgspec.Struct):
    """What is read of the details of a trace."""

    span: str
    generated_from: int
    arrived: list[float]
    missing: float
    lost: float
    visits: list[tuple[int, float]]


def encode_provenance(provenance: Provenance) -> dict[str, Any]:
    """What is written of a provenance: its own fields, and those of later versions beside them."""
    written = msgspec.to_builtins(provenance)
    extra = written.pop("extra", {})
    return {str(key): value for key, value in to_plain({**extra, **written}).items()}


def decode_provenance(raw: RawFields, decode: Decode, budget: Budget, where: str) -> Provenance:
    """The provenance again; fields nobody knows go to ``extra``.

    Raises:
        FileFormatError: A field is of the wrong type.
    """
    known, extra = split_known(raw, _PROVENANCE_TYPES, decode, budget, where)
    made = Provenance(**{name: from_plain(value) for name, value in known.items()}, extra=extra)
    for name, one in (("method", made.method), ("attributed_fn", made.attributed_fn)):
        typed(one, _Named, msgspec.convert, f"{where}.{name}")
    typed(made.step_scores, list[_Named], msgspec.convert, f"{where}.step_scores")
    return made


def split_known(
    raw: RawFields, types: Mapping[str, Any], decode: Decode, budget: Budget, where: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a known type, decoded as that; and all others, decoded as they are."""
    known, extra = {}, {}
    for name, value in raw.items():
        if name in types:
            known[name] = typed(value, types[name], decode, f"{where}.{name}")
        else:
            budget.spend(40 * len(memoryview(value)), f"{where}.{name[:40]}")  # objects are larger than their text
            extra[name] = from_plain(typed(value, Any, decode, f"{where}.{name[:40]}"))
    return known, extra


def typed(value: Any, expected: Any, decode: Decode, where: str) -> Any:
    """Decode ``value`` as ``expected``.

    Raises:
        FileFormatError: It is something else; the message has the path to the culprit.
    """
    try:
        return decode(value, type=expected)
    except msgspec.DecodeError as error:
        if str(error) == "Input data was truncated":
            raise FileFormatError("It is cut off: its end is missing. Copy or make it again.") from error
        raise FileFormatError(f"{where}: {error}.") from error
    except (UnicodeDecodeError, RecursionError, OverflowError, ValueError) as error:
        raise FileFormatError(f"{where}: {str(error) or type(error).__name__}.") from error


def _optional(scores: Any, narrow: bool) -> WireArray | None:
    return None if scores is None else encode_array(scores, narrow=narrow)


def _stages(stages: tuple[Stage, ...], change: Callable[[Any], Any]) -> tuple[Stage, ...]:
    return tuple(Stage(name=stage.name, settings=change(stage.settings)) for stage in stages)
