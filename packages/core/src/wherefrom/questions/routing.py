"""Who gets which keyword argument.

`attribute` takes the settings of the method, of the target function and of the step scores as plain keyword arguments.
Each goes to everybody who declares a setting of that name; a name nobody declares is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from wherefrom.errors import SettingsError, nearest
from wherefrom.settings import accepted_names, by_own_names, fields_of, from_mapping


@frozen(kw_only=True)
class Consumer:
    """Somebody who takes settings."""

    cls: type
    label: str
    """Who it is, for messages ("method 'saliency'")."""
    given: Mapping[str, Any] = field(factory=dict)
    """Settings addressed to this one alone."""
    instance: Any = None
    """An object already made, whose settings are changed instead."""

    def build(self, shared: Mapping[str, Any]) -> Any:
        """The settings object, from what it declares of ``shared`` and all that it was given."""
        mine = {name: value for name, value in shared.items() if name in self.accepts}
        values = {
            **by_own_names(self.cls, mine, where=self.label),
            **by_own_names(self.cls, self.given, where=self.label),
        }
        if self.instance is None:
            return from_mapping(self.cls, values, where=self.label)
        if not values:
            from_mapping(self.cls, _settings_of(self.instance), where=self.label)  # made by hand, it was never checked
            return self.instance
        return from_mapping(self.cls, {**_settings_of(self.instance), **values}, where=self.label)

    @property
    def accepts(self) -> frozenset[str]:
        """Names it takes, former ones included."""
        return accepted_names(self.cls)


def deal(settings: Mapping[str, Any], consumers: Sequence[Consumer], reserved: Sequence[str] = ()) -> list[Any]:
    """Build every consumer's settings object.

    Args:
        reserved: Names of other parameters, for suggestions only.

    Raises:
        SettingsError: A setting is declared by nobody, with the nearest name that somebody knows.
    """
    known = {name for consumer in consumers for name in consumer.accepts}
    for name in settings:
        if name not in known:
            listing = "; ".join(
                f"{consumer.label} takes {', '.join(sorted(fields_of(consumer.cls))) or 'no settings'}"
                for consumer in consumers
            )
            raise SettingsError(f"Nobody takes a setting {name!r}.{nearest(name, [*known, *reserved])} Here {listing}.")
    return [consumer.build(settings) for consumer in consumers]


def _settings_of(instance: Any) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in fields_of(type(instance))}
