"""Names for things: the registries of methods, step functions, aggregators and adapters."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wherefrom.errors import SettingsError, UnknownNameError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
C = TypeVar("C", bound=type)


class _Unstated:
    """A fact of a class that nothing has stated yet."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError(
            f"{owner.__name__} does not state {self._name!r}. Give it to the decorator that registers the class."
        )


def fact() -> Any:
    """Declare a fact of a class in the Protocol that the class derives from: the registering decorator gives it.

    Until then the class has no such attribute.
    """
    return _Unstated()


def stated(cls: C, **facts: object) -> C:
    """The class, with its facts as class variables."""
    for name, value in facts.items():
        setattr(cls, name, value)
    return cls


class Registry(Generic[T]):
    """An append-only table from identifier to thing, extended by entry points of installed packages.

    A registry never changes the meaning of something that already exists: replacing an entry needs
    ``overwrite=True`` and touches no object that was made from the old one.

    Args:
        kind: What the entries are, in words, for messages ("method").
        group: Entry-point group searched, once and late, for names not registered here.
        families: Entry-point group of makers of whole families: ``prefix:name`` asks the maker called ``prefix`` for
            ``name``. Such things are made on demand and not listed.
        builtins: The module whose import registers what this package brings. It is imported with the first look into
            the table, so that whoever needs none of it does not wait for it.
    """

    def __init__(
        self, kind: str, group: str | None = None, families: str | None = None, builtins: str | None = None
    ) -> None:
        self.kind = kind
        self.group = group
        self.families = families
        self._builtins = builtins
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}
        self._made: dict[str, T] = {}
        self._found: list[EntryPoint] | None = None
        """What installed packages add, once it was looked for."""

    def register(self, identifier: str, item: T, *, overwrite: bool = False, aliases: tuple[str, ...] = ()) -> T:
        """Add ``item`` under ``identifier``.

        Raises:
            SettingsError: The identifier is taken and ``overwrite`` is false.
        """
        if not self._brings(item):
            self._import_builtins()
        for name in (identifier, *aliases):
            if not overwrite and (name in self._entries or name in self._aliases):
                raise SettingsError(
                    f"A {self.kind} called {name!r} is registered already. "
                    "Choose another identifier, or pass overwrite=True to replace it."
                )
        self._entries[identifier] = item
        self._aliases.pop(identifier, None)
        for alias in aliases:
            self._aliases[alias] = identifier
        return item

    def get(self, identifier: str) -> T:
        """The thing registered under ``identifier`` or one of its aliases, or made by its family.

        Raises:
            UnknownNameError: Nothing has that name; the message suggests the nearest one.
        """
        self._import_builtins()
        if not isinstance(identifier, str):
            raise UnknownNameError(
                f"{self.kind.capitalize()}s are asked for by name, not by {identifier!r}. "
                f"Registered: {', '.join(self)}. Register something of your own under a name first."
            )
        name = self._aliases.get(identifier, identifier)
        if name in self._entries:
            return self._entries[name]
        for point in self._entry_points():
            if point.name == identifier:
                return self._entries.setdefault(identifier, point.load())
        if identifier in self._made:
            return self._made[identifier]
        prefix, colon, rest = identifier.partition(":")
        for point in _entry_points(self.families) if colon else ():
            if point.name == prefix:
                return self._made.setdefault(identifier, point.load()(rest))
        known = list(self)
        raise UnknownNameError(
            f"No {self.kind} is called {identifier!r}.{nearest(identifier, [*known, *self._aliases])} "
            f"Registered: {', '.join(known)}."
        )

    def __contains__(self, identifier: object) -> bool:
        self._import_builtins()
        if identifier in self._entries or identifier in self._aliases or identifier in list(self):
            return True
        if not (self.families and isinstance(identifier, str) and ":" in identifier):
            return False
        try:
            self.get(identifier)
        except UnknownNameError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        """All identifiers, sorted; entry points are listed without being imported."""
        self._import_builtins()
        return iter(sorted({*self._entries, *(point.name for point in self._entry_points())}))

    def __len__(self) -> int:
        return sum(1 for _ in self)  # list() would ask for the length again

    def _brings(self, item: T) -> bool:
        """Is it one of the built-in ones, imported alone? The others may need it before they can be imported."""
        return self._builtins is not None and item.__module__.startswith(f"{self._builtins.rpartition('.')[0]}.")

    def _import_builtins(self) -> None:
        """Asked at every look into the table: who looks while another thread imports them waits for it, as imports do,
        and hears of an import that fails, not of a name unknown."""
        if self._builtins is not None:
            import_module(self._builtins)

    def _entry_points(self) -> list[EntryPoint]:
        if self._found is None:
            self._found = _entry_points(self.group)
        return self._found


def _entry_points(group: str | None) -> list[EntryPoint]:
    """What installed packages add to a group."""
    from importlib.metadata import entry_points  # takes its time: only for names that are not registered

    return list(entry_points(group=group)) if group else []
