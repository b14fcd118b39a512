"""How a result was made, so that it can be made again."""

from __future__ import annotations

from typing import Any

import msgspec

OWN_DISTRIBUTIONS = ("wherefrom", "wherefrom-hf", "wherefrom-viz", "wherefrom-cli", "numpy")


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that decided the numbers. Plain JSON values only."""

    library_version: str = ""
    versions: dict[str, str] = {}
    """Distribution name to version of what the numbers depend on."""
    model: dict[str, Any] = {}
    """The adapter's card: identity, revision or weight hash, kind, dtype, device kind, tokenizer."""
    method: dict[str, Any] = {}
    """``{"name": ..., "settings": {...}}`` with every setting that differs from its default."""
    attributed_fn: dict[str, Any] = {}
    """The target function, named like the method."""
    step_scores: list[dict[str, Any]] = []
    arguments: dict[str, Any] = {}
    """Other arguments of `attribute`: positions, contrast, attribute_target, ..."""
    generation_args: dict[str, Any] = {}
    input_texts: list[str] = []
    generated_texts: list[str] = []
    constrained_decoding: bool = False
    """Were the outputs forced rather than generated?"""
    seed: int | None = None
    created: str = ""
    """Time of day the work began, ISO 8601, UTC."""
    seconds: float = 0.0
    """Wall-clock seconds spent attributing."""
    warnings: list[str] = []
    extra: dict[str, Any] = {}
    """Fields of later versions, kept as they came."""


def of_whole_run(provenance: Provenance) -> Provenance:
    """The part of one answer's provenance that holds for all that were made likewise."""
    return msgspec.structs.replace(provenance, input_texts=[], generated_texts=[], seconds=0.0, warnings=[])


def library_versions() -> dict[str, str]:
    """Versions of our own packages, as far as they are installed, and of numpy."""
    from importlib.metadata import PackageNotFoundError, version  # takes its time: only when something is attributed

    found = {}
    for name in OWN_DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
