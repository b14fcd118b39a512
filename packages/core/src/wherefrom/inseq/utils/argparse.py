"""Command lines from dataclasses: one option per field."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from wherefrom.errors import SettingsError, nearest
from wherefrom.inseq._elsewhere import NotHereError

DataClass = TypeVar("DataClass")
DataClassType = type[Any]

_YES = ("yes", "true", "t", "y", "1")
_NO = ("no", "false", "f", "n", "0")


def string_to_bool(v: Any) -> bool:
    """yes, true, t, y, 1, or their opposites.

    Raises:
        ArgumentTypeError: It is neither.
    """
    if isinstance(v, bool):
        return v
    if v.lower() in _YES:
        return True
    if v.lower() in _NO:
        return False
    raise ArgumentTypeError(f"{v!r} is neither yes nor no: expected one of {', '.join((*_YES, *_NO))}.")


def make_choice_type_function(choices: Sequence[Any]) -> Callable[[str], Any]:
    """From text to the choice that is written so."""
    written = {str(choice): choice for choice in choices}
    return lambda text: written.get(text, text)


def cli_arg(
    *,
    aliases: str | Sequence[str] | None = None,
    help: str | None = None,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
    choices: Sequence[Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """A dataclass field that is an option: other names, help and choices."""
    told = dict(metadata or {})
    if aliases is not None:
        told["aliases"] = [aliases] if isinstance(aliases, str) else list(aliases)
    told |= {name: value for name, value in (("help", help), ("choices", choices)) if value is not None}
    return dataclasses.field(metadata=told, default=default, default_factory=default_factory, **kwargs)


class InseqArgumentParser(ArgumentParser):
    """A parser whose options are the fields of dataclasses."""

    def __init__(self, dataclass_types: DataClassType | Iterable[DataClassType] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = [] if dataclass_types is None else dataclass_types
        self.dataclass_types = list(given) if isinstance(given, Iterable) else [given]
        for one in self.dataclass_types:
            self._add_dataclass_arguments(one)

    def _add_dataclass_arguments(self, dtype: DataClassType) -> None:
        hints = typing.get_type_hints(dtype)
        for field in dataclasses.fields(dtype):
            if field.init and not field.name.startswith("_"):
                add_field(self, field, hints[field.name])

    def parse_args_into_dataclasses(
        self, args: Sequence[str] | None = None, return_remaining_strings: bool = False, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Options as objects of the dataclasses, and what was left, if asked."""
        space, rest = self.parse_known_args(args)
        done = tuple(made(one, vars(space)) for one in self.dataclass_types)
        if return_remaining_strings:
            return (*done, rest)
        if rest:
            self.error(f"unknown: {' '.join(rest)}{nearest(rest[0], [str(a) for a in self._option_string_actions])}")
        return done

    def parse_dict(self, args: Mapping[str, Any], allow_extra_keys: bool = False) -> tuple[Any, ...]:
        """A mapping as objects of the dataclasses.

        Raises:
            SettingsError: A key belongs to none, and that was not allowed.
        """
        known = {field.name for one in self.dataclass_types for field in dataclasses.fields(one)}
        unknown = sorted(set(args) - known)
        if unknown and not allow_extra_keys:
            raise SettingsError(f"No option is called {unknown[0]!r}.{nearest(unknown[0], known)}")
        return tuple(made(one, args) for one in self.dataclass_types)

    def parse_json_file(self, json_file: str, allow_extra_keys: bool = False) -> tuple[Any, ...]:
        """Options from a JSON file."""
        return self.parse_dict(json.loads(Path(json_file).read_text("utf-8")), allow_extra_keys)

    def parse_yaml_file(self, yaml_file: str, allow_extra_keys: bool = False) -> tuple[Any, ...]:
        """Not here."""
        raise NotHereError("Write the options as JSON and use parse_json_file.")


def made(cls: DataClassType, values: Mapping[str, Any]) -> Any:
    """An object of a dataclass from those values that it names."""
    return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values})


def add_field(parser: ArgumentParser, field: dataclasses.Field[Any], hint: Any) -> None:
    """The option of a field: ``--name``, ``--other-name`` with dashes, and its aliases."""
    kind, several = _kind_of(hint)
    names = dict.fromkeys([*field.metadata.get("aliases", []), f"--{field.name}", f"--{field.name.replace('_', '-')}"])
    has_default = field.default is not dataclasses.MISSING
    default = field.default if has_default else None
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    required = not has_default and field.default_factory is dataclasses.MISSING
    options: dict[str, Any] = {"default": default, "dest": field.name, "help": field.metadata.get("help")}
    if kind is bool:
        parser.add_argument(*names, type=string_to_bool, nargs="?", const=True, **options)
        if default is True:
            off = dict.fromkeys([f"--no_{field.name}", f"--no-{field.name.replace('_', '-')}"])
            parser.add_argument(*off, action="store_false", dest=field.name, default=SUPPRESS)
        return
    if required or field.metadata.get("required"):
        options["required"] = True
    choices = field.metadata.get("choices")
    if choices is not None:
        options["choices"] = list(choices)
    read: Any = json.loads if kind is dict else kind
    parser.add_argument(*names, type=read, nargs="+" if several else None, **options)


def _kind_of(hint: Any) -> tuple[Any, bool]:
    """The type of an option's value, and whether there are several."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    origin = typing.get_origin(hint)
    if origin is list:
        return typing.get_args(hint)[0], True
    return (dict if origin is dict else hint), False
