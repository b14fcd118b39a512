"""Everything that has a name: methods, step functions and aggregators, with what their documentation says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import attrs
from attrs import frozen
from wherefrom import aggregators, methods, step_functions
from wherefrom._registry import Registry
from wherefrom.errors import UnknownNameError, nearest
from wherefrom.methods.contract import METHODS
from wherefrom.results.aggregation import AGGREGATORS
from wherefrom.results.stages import Stage
from wherefrom.step_functions.base import STEP_FUNCTIONS

KINDS: dict[str, Registry[Any]] = {
    "methods": METHODS,
    "step-functions": STEP_FUNCTIONS,
    "aggregators": AGGREGATORS,
}
_REGISTERING = (aggregators, methods, step_functions)  # importing them fills the registries
_SECTIONS = re.compile(
    r"^(Args|Arguments|Returns|Raises|Source|Sources|Example|Examples|Formula|Note|Notes):\s*$", re.MULTILINE
)
_LINK = re.compile(
    r"https?://(?:www\.)?(?:arxiv\.org/abs/|aclanthology\.org/|doi\.org/)[^\s,;)\]]+|https?://[^\s,;)\]]+"
)
_AUTHORS_YEAR = re.compile(r"(?P<authors>[^().:]{3,120}?)\s*\((?P<year>(?:19|20)\d\d)\)")


@frozen(kw_only=True)
class Entry:
    """One named thing, described."""

    name: str
    kind: str
    text: str
    """The documentation up to its first section."""
    source: str
    """Where the definition comes from: paper, year, link."""
    settings: tuple[tuple[str, str, str], ...]
    """Name, type and default of each setting."""
    facts: tuple[tuple[str, Any], ...]
    """What it declares about itself: sign, dimensions, default aggregation, ..."""

    @property
    def bibtex(self) -> str | None:
        """A citation made from the source; None where the source names no authors and year."""
        return bibtex(self.name, self.source)


def things(kind: str) -> Iterator[tuple[str, Any]]:
    """Names and registered classes of one kind, sorted."""
    registry = KINDS[kind]
    for name in registry:
        yield name, registry.get(name)


def describe(name: str) -> list[Entry]:
    """What is called ``name``; several where kinds share it.

    Raises:
        UnknownNameError: Nothing is.
    """
    found = [entry(kind, name, registry.get(name)) for kind, registry in KINDS.items() if name in registry]
    if not found:
        known = [known for registry in KINDS.values() for known in registry]
        raise UnknownNameError(f"Nothing is called {name!r}.{nearest(name, known)}\n`wherefrom list` shows all names.")
    return found


def first_sentence(thing: Any) -> str:
    """The first paragraph of a docstring as one line, without its final full stop."""
    text = inspect.getdoc(thing) or ""
    return text.split("\n\n")[0].replace("\n", " ").strip().removesuffix(".")


def bibtex(name: str, source: str) -> str | None:
    """A BibTeX entry for the first paper a source names: authors, year, link, nothing invented."""
    found = _AUTHORS_YEAR.search(source.replace("\n", " "))
    if found is None:
        return None
    authors = re.sub(r"\s*,?\s*&\s*|\s*,\s*", " and ", found["authors"].strip()).replace("et al", "others").strip()
    key = re.sub(r"\W", "", authors.split(" and ")[0].split()[-1]).lower() + found["year"]
    lines = [f"@misc{{{key},", f"  author = {{{authors}}},", f"  year   = {{{found['year']}}},"]
    if link := _LINK.search(source):
        lines.append(f"  url    = {{{link.group().rstrip('.')}}},")
    return "\n".join([*lines, f"  note   = {{Source of {name} in wherefrom}},", "}"])


def entry(kind: str, name: str, thing: Any) -> Entry:
    """One thing of a kind, from what its class says about itself."""
    text = inspect.getdoc(thing) or ""
    sections = _sections(text)
    settings: tuple[tuple[str, str, str], ...] = ()
    if attrs.has(thing):
        settings = tuple(
            (field.name, _type_name(field.type), _default(field.default)) for field in attrs.fields(thing) if field.init
        )
    facts = []
    for fact in (
        "signed",
        "dimensions",
        "aggregation",
        "differentiates",
        "uses_target_function",
        "span_aggregation",
        "differentiable",
        "contrastive",
        "sampled",
    ):
        value = getattr(thing, fact, None)
        if value is not None and not callable(value) and not inspect.isdatadescriptor(value):
            facts.append((fact, _plain_fact(value)))
    return Entry(
        name=name,
        kind=kind,
        text=sections.get("", ""),
        source=sections.get("Source", sections.get("Sources", "")),
        settings=settings,
        facts=tuple(facts),
    )


def _sections(text: str) -> dict[str, str]:
    """A docstring by section title; the text before the first one has the empty title."""
    pieces = _SECTIONS.split(text)
    titles = ["", *pieces[1::2]]
    return {title: inspect.cleandoc(body).strip() for title, body in zip(titles, pieces[0::2], strict=True)}


def _type_name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", None) or str(kind)


def _default(value: Any) -> str:
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return repr(value.factory())
    return repr(value)


def _plain_fact(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_fact(item) for item in value]
    if isinstance(value, Stage):
        given = ", ".join(f"{key}={item}" for key, item in value.settings.items())
        return f"{value.name}({given})" if given else value.name
    return value
