"""The API reference: every public name of a package, from its docstring and its annotations.

The pages ask Sphinx's autodoc for each thing where it is written. A thing that two packages offer stands once,
on the first page that has it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

MODULES: Mapping[str, str] = {
    "wherefrom": "Load a model, ask, keep, look: what most scripts need.",
    "wherefrom.context": "Which context made which words.",
    "wherefrom.evaluation": "Is it true?",
    "wherefrom.results": "What results are asked.",
    "wherefrom.results.aggregators": "From raw scores to one number per cell. Each has a page in the [catalogue](../catalogue/index.md), too.",
    "wherefrom.results.aggregation": "How aggregators are named and chained.",
    "wherefrom.results.rendering": "How a result is drawn by name.",
    "wherefrom.files": "Files and runs.",
    "wherefrom.errors": "All that is raised on purpose.",
    "wherefrom.methods.contract": "What a method is. Methods themselves are in the [catalogue](../catalogue/index.md).",
    "wherefrom.step_functions.base": "What a step function is. The functions are in the [catalogue](../catalogue/index.md).",
    "wherefrom.adapters": "What an adapter promises.",
    "wherefrom.testing": "For whoever writes an adapter or a method.",
    "wherefrom_hf.demo": "The demo models.",
    "wherefrom_viz": "Views, and the terminal browser.",
}
"""Module, and what it is for."""


def names(module: str) -> list[str]:
    """Public names: those a module exports, or those it defines itself where it exports none."""
    found = import_module(module)
    exported = getattr(found, "__all__", None)
    if exported is not None:
        return sorted(exported)
    return sorted(
        name
        for name, thing in vars(found).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module and callable(thing)
    )


def things() -> Iterator[tuple[str, str, Any]]:
    """Page, public name and thing: functions and classes with a docstring, each once."""
    seen: set[int] = set()
    for module in MODULES:
        for name in names(module):
            thing = getattr(import_module(module), name)
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and id(thing) not in seen:
                seen.add(id(thing))
                yield module, name, thing


def _entry(name: str, thing: Any) -> str:
    kind = "autofunction"
    if inspect.isclass(thing):
        kind = "autoexception" if issubclass(thing, BaseException) else "autoclass"
    members = "   :members:\n" if kind == "autoclass" else ""
    return f"## {name}\n\n```{{eval-rst}}\n.. {kind}:: {thing.__module__}.{thing.__qualname__}\n{members}```\n"


def pages() -> dict[str, str]:
    """File name to content."""
    parts: dict[str, list[str]] = {module: [] for module in MODULES}
    for module, name, thing in things():
        parts[module].append(_entry(name, thing))
    found = {
        f"reference/{module}.md": f"# {module}\n\n{MODULES[module]}\n\n" + "\n".join(entries)
        for module, entries in parts.items()
        if entries
    }
    rows = "\n".join(f"| [{module}]({module}.md) | {MODULES[module]} |" for module, entries in parts.items() if entries)
    tree = "\n".join(module for module, entries in parts.items() if entries)
    found["reference/index.md"] = (
        "# Reference\n\nEvery public name, from its docstring. What is not here is not promised ([what is stable](../stability.md)).\n\n"
        f"| | |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )
    return found
