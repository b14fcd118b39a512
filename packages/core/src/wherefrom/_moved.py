"""Old import paths of modules that have moved: they lead to the module where it is now.

A name that was public once keeps working. `MOVED` says where everything went; importing an old path gives the very
module that stands at the new one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "_api": "loading",
    "ablation": "methods.perturbation.ablation",
    "aggregation": "results.aggregation",
    "aggregators": "results.aggregators",
    "alignment": "text.alignment",
    "answers": "methods.answers",
    "attribution": "results.attribution",
    "baselines": "methods.paths.baselines",
    "capabilities": "adapters.capabilities",
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
    "token_vectors": "text.token_vectors",
    "tokens": "text.tokens",
    "wire": "files.wire",
    "word_paths": "methods.paths.word_paths",
    "words": "text.segmentation",
}
"""Old module to new one, without ``wherefrom.`` in front."""


def moved(fullname: str) -> str | None:
    """Where a module went, or None if it never moved; what stands inside a moved package went with it."""
    package, _, rest = fullname.partition(".")
    if package != "wherefrom":
        return None
    head, tail = rest, ""
    while head:
        if head in MOVED:
            return f"wherefrom.{MOVED[head]}{tail}"
        head, dot, last = head.rpartition(".")
        tail = f"{dot}{last}{tail}"
    return None


class _Mover(MetaPathFinder, Loader):
    """Finds old names and loads what is at the new ones."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if moved(fullname) is None else ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        there = moved(spec.name)
        assert there is not None, spec.name  # find_spec made the spec
        module = import_module(there)
        spec.loader_state = module.__spec__  # the import system is about to write over it
        return module

    def exec_module(self, module: ModuleType) -> None:
        old = module.__spec__
        assert old is not None
        module.__spec__ = old.loader_state


def install() -> None:
    """Let old paths be imported, once per process."""
    if not any(isinstance(finder, _Mover) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Mover())  # first: else a moved package's files would be found, and run, twice
