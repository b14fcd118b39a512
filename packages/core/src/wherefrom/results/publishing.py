"""A result to give away: without places of the machine that made it, and without provenance that its owner keeps.

Scores and the texts they belong to stay as they are: who publishes a result publishes its texts. Everything that is
said *about* it (provenance, details, annotations, names of segments and of the example) is searched for paths, of which
only the last name is left. Secrets among the arguments that the model was loaded with go.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar, overload

import msgspec

from wherefrom.errors import SettingsError, nearest
from wherefrom.results.data import AnyAttribution, AnyAttributions, AttributionData
from wherefrom.results.given import require_result
from wherefrom.results.provenance import BY_EXAMPLE, KEPT_THERE, Provenance
from wherefrom.results.secrets import without_secrets
from wherefrom.settings import check_call

NEVER_PUBLIC = ("created", "seconds", "extra")
"""Fields of `Provenance` that a public copy has not: when and how fast somebody worked, and what nobody here knows."""
OF_EXAMPLES = ("id", "details", "annotations", "segments", "step_scores")
"""Fields of an example that ``without`` may name beside those of `Provenance`."""

_MARKED_ROOT = r"(?:file:/+|~[\w.-]*[/\\]|[A-Za-z]:[/\\]|\\\\|\.{1,2}[/\\])"
_ROOT = rf"(?:{_MARKED_ROOT}|/)"
_LETTER = r"[^\s'\"`,;)\]]"
_BEGINS_AS_PATH = re.compile(rf"\s*{_ROOT}\S")
_DRIVE = re.compile(r"\s*[A-Za-z]:")
_QUOTED = re.compile(rf"(?P<quote>['\"`])(?P<path>{_ROOT}[^'\"`\n]+)(?P=quote)")
_IN_TEXT = re.compile(
    r"(?<![\w/\\.:<~-])"  # not within a word, an address or a closing tag
    rf"(?:{_MARKED_ROOT}{_LETTER}+|/(?:(?!/){_LETTER})+/{_LETTER}*)"
)
_LOCAL_NAME = re.compile(r"[\w. -]+([/\\][\w. -]+){2,}")
"""``runs/me/checkpoint-300``: more parts than a name on the hub has."""

_Value = TypeVar("_Value")


@overload
def public(result: AnyAttribution, without: Sequence[str] = ()) -> AnyAttribution: ...
@overload
def public(result: AnyAttributions, without: Sequence[str] = ()) -> AnyAttributions: ...
def public(result: Any, without: Sequence[str] = ()) -> Any:
    """A copy that may leave the house.

    Args:
        result: One example, or several with their provenance.
        without: What goes besides, one name or several: fields of `Provenance` (``"generation_args"``; one entry of a
            dictionary as ``"model.revision"``) and ``"id"``, ``"details"``, ``"annotations"``, ``"segments"``,
            ``"step_scores"`` of the examples (one entry as ``"annotations.reviewer"``).

    Raises:
        SettingsError: ``without`` names none of these.
    """
    check_call(public, locals())
    without = _checked(without)
    if isinstance(result, AttributionData):
        return _public_example(result, without)
    require_result(result, several=True)
    examples = [_public_example(one, without) for one in result]
    if "id" not in without:
        names = told_apart([one.id for one in result], [one.id for one in examples])
        examples = [one if one.id == name else one.replace(id=name) for one, name in zip(examples, names, strict=True)]
    return result.replace(
        sequence_attributions=tuple(examples),
        provenance=public_provenance(result.provenance, without),
        extra={},
    )


def public_provenance(provenance: Provenance, without: Sequence[str] = ()) -> Provenance:
    """The provenance of a public copy; arguments as for `public`."""
    check_call(public_provenance, locals())
    without = _checked(without)
    kept = {name: getattr(provenance, name) for name in Provenance.__struct_fields__ if name not in NEVER_PUBLIC}
    kept["model"] = {key: model_named(one) for key, one in without_secrets(kept["model"]).items()}
    kept["method"], kept["attributed_fn"] = (_named_without_paths(kept[name]) for name in ("method", "attributed_fn"))
    kept["step_scores"] = list(map(_named_without_paths, kept["step_scores"]))
    for name in ("arguments", "generation_args"):
        kept[name] = _arguments_without_paths(kept[name])
    kept = {name: without_paths(value, name == "model") for name, value in kept.items()}
    return Provenance(**_left(kept, without))


def is_place(name: object) -> bool:
    """Is the name of a model, or of data, a place on a disk, rather than an id such as ``owner/name``?

    Example:
        >>> [is_place(name) for name in ("gpt2", "owner/name", "demo:lm", "runs/me/last", "acme\\\\m", "C:m")]
        [False, False, False, True, True, True]
    """
    if not isinstance(name, str) or "\n" in name:
        return False
    if _BEGINS_AS_PATH.match(name) or _DRIVE.match(name) or "\\" in name:
        return True
    return "://" not in name and name.count("/") > 1


def model_named(name: Any) -> Any:
    """The name of a model without the way to it: of a place its last part; what is no text comes back as it is."""
    return last_name(name) if is_place(name) else name


def last_name(path: str) -> str:
    """What is left of a place: its last part."""
    return re.split(r"[/\\]", _DRIVE.sub("", path).strip().rstrip("/\\"))[-1]


def without_paths(value: _Value, names: bool = False) -> _Value:
    """Plain values with the last name left of every path in them.

    Args:
        value: Text, or lists, tuples and dictionaries of it; other values come back as they are.
        names: Are texts names of things, so that a relative path of three parts is one, and one that says where to
            keep things whatever its parts?
    """
    cleaned: Any = value
    if isinstance(value, str):
        cleaned = _text_without_paths(value, names)
    elif isinstance(value, Mapping):
        keys = told_apart(list(value), [without_paths(name) for name in value])
        left = [
            last_name(one) if names and name in KEPT_THERE and isinstance(one, str) else without_paths(one, names)
            for name, one in value.items()
        ]
        cleaned = dict(zip(keys, left, strict=True))
    elif isinstance(value, list | tuple):
        cleaned = type(value)(without_paths(one, names) for one in value)
    return cleaned  # type: ignore[no-any-return]


def told_apart(names: Sequence[_Value], cleaned: Sequence[_Value]) -> list[_Value]:
    """Cleaned names, numbered where they would be the same and were different: ``notes.txt``, ``notes.txt (2)``.

    Args:
        names: As they were.
        cleaned: What `without_paths` left of each.
    """
    given = dict(zip(names, cleaned, strict=True))
    kept: dict[Any, Any] = {name: left for name, left in given.items() if left == name}
    taken = set(kept)
    for name, left in given.items():
        number, made = 1, left
        while name not in kept and made in taken:
            number += 1
            made = f"{left} ({number})"  # type: ignore[assignment]
        kept.setdefault(name, made)
        taken.add(kept[name])
    return [kept[name] for name in names]


def _public_example(one: AttributionData, without: Sequence[str]) -> AttributionData:
    fields: dict[str, Any] = {name: getattr(one, name) for name in OF_EXAMPLES}
    fields["id"] = without_paths(one.id, names=True)
    fields["details"] = without_paths(one.details)
    fields["annotations"] = without_paths(one.annotations)
    fields["segments"] = tuple(
        msgspec.structs.replace(segment, label=without_paths(segment.label, names=True)) for segment in one.segments
    )
    left = _left(fields, without)
    public_one = one.replace(
        id=left.get("id"),
        details=left.get("details", {}),
        annotations=left.get("annotations", {}),
        segments=left.get("segments", ()),
        step_scores=left.get("step_scores", {}),
        extra={},
    )
    return public_one.made_as(public_provenance(one.provenance, without))


def _named_without_paths(named: Mapping[str, Any]) -> dict[str, Any]:
    """A method or a function with its settings; those that hold a digest of a file name one."""
    files, settings = (named.get(part) for part in ("files", "settings"))
    if not isinstance(settings, Mapping):
        return dict(named)
    digests = files if isinstance(files, Mapping) else {}
    return {**named, "settings": _arguments_without_paths(settings, digests)}


def _arguments_without_paths(arguments: Mapping[str, Any], files: Collection[str] = ()) -> dict[str, Any]:
    """Settings or arguments, also those that name a place below the folder of the work.

    Args:
        arguments: Texts, plain values or collections by name.
        files: Names of those that are files.
    """
    return {
        name: last_name(value)
        if isinstance(value, str) and name in (*files, *KEPT_THERE)
        else without_paths(value, names=name not in BY_EXAMPLE)
        for name, value in arguments.items()
    }


def _left(fields: Mapping[str, Any], without: Sequence[str]) -> dict[str, Any]:
    """The fields, and entries of dictionaries, that are not named."""
    left: dict[str, Any] = {}
    for name, value in fields.items():
        if name in without:
            continue
        entries = {one.partition(".")[2] for one in without if one.startswith(f"{name}.")}
        if entries and isinstance(value, Mapping):
            value = {key: one for key, one in value.items() if key not in entries}
        left[name] = value
    return left


def _checked(without: Sequence[str]) -> Sequence[str]:
    """The names; a text is one.

    Raises:
        SettingsError: One is of no field.
    """
    known = [*Provenance.__struct_fields__, *OF_EXAMPLES]
    names = [without] if isinstance(without, str) else without
    for name in names:
        if name.partition(".")[0] not in known:
            raise SettingsError(
                f"without = {name!r}: a public copy can leave out {', '.join(known)}.{nearest(name, known)}"
            )
    return names


def _text_without_paths(text: str, names: bool) -> str:
    if _BEGINS_AS_PATH.match(text) and "\n" not in text:
        return last_name(text)
    if names and _LOCAL_NAME.fullmatch(text):
        return last_name(text)
    text = _QUOTED.sub(lambda found: f"{found['quote']}{last_name(found['path'])}{found['quote']}", text)
    return _IN_TEXT.sub(lambda found: last_name(found[0]), text)
