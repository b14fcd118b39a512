"""Old import paths of modules that have moved: they lead to the module where it is now.

A name that was public once keeps working. `MOVED` says where everything went; importing an old path gives the very
module that stands at the new one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "_api": "loading",
    "ablation": "methods.perturbation.ablation",
    "adapters.capabilities": "methods.capabilities",
    "adapters.protocols": "adapters",
    "aggregation": "results.aggregation",
    "aggregators": "results.aggregators",
    "alignment": "text.alignment",
    "answers": "methods.answers",
    "attribution": "results.attribution",
    "baselines": "methods.paths.baselines",
    "capabilities": "methods.capabilities",
    "contrast": "questions.contrast",
    "examples": "questions.examples",
    "internals": "adapters.internals",
    "layers": "adapters.layers",
    "method": "methods.contract",
    "model": "attribute",
    "objective": "questions.target_function",
    "operations": "results",
    "players": "methods.perturbation.units",
    "positions": "questions.positions",
    "provenance": "results.provenance",
    "quadrature": "methods.paths.quadrature",
    "removal": "methods.perturbation.removal",
    "rendering": "results.rendering",
    "rescale": "adapters.rescale",
    "routing": "questions.routing",
    "samplers": "methods.perturbation.samplers",
    "spans": "questions.spans",
    "stochastic": "questions.stochastic",
    "surrogates": "methods.perturbation.surrogates",
    "testing.counting": "adapters.views",
    "text.words": "text.segmentation",
    "token_vectors": "text.token_vectors",
    "tokens": "text.tokens",
    "wire": "files.wire",
    "word_paths": "methods.paths.word_paths",
    "words": "text.segmentation",
}
"""Old module to new one, without ``wherefrom.`` in front."""


def moved(fullname: str, package: str = "wherefrom", table: Mapping[str, str] = MOVED) -> str | None:
    """Where a module went, or None if it never moved; what stands inside a moved package went with it.

    Args:
        fullname: The module's old name, its package in front.
        package: The package whose modules moved.
        table: Old module to new one, without the package in front.
    """
    first, _, head = fullname.partition(".")
    if first != package:
        return None
    tail = ""
    while head:
        if head in table:
            return f"{package}.{table[head]}{tail}"
        head, dot, last = head.rpartition(".")
        tail = f"{dot}{last}{tail}"
    return None


class _Mover(MetaPathFinder, Loader):
    """Finds old names of one package and loads what is at the new ones."""

    def __init__(self, package: str, table: Mapping[str, str]) -> None:
        self.package, self.table = package, table

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if moved(fullname, self.package, self.table) is None else ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        there = moved(spec.name, self.package, self.table)
        assert there is not None, spec.name  # find_spec made the spec
        module = import_module(there)
        spec.loader_state = module.__spec__  # the import system is about to write over it
        return module

    def exec_module(self, module: ModuleType) -> None:
        old = module.__spec__
        assert old is not None
        module.__spec__ = old.loader_state


def install(package: str = "wherefrom", table: Mapping[str, str] = MOVED) -> None:
    """Let old paths of a package be imported, once per process."""
    if not any(isinstance(finder, _Mover) and finder.package == package for finder in sys.meta_path):
        # first: else a moved package's files would be found, and run, twice
        sys.meta_path.insert(0, _Mover(package, table))
