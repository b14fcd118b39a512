"""How a result was made, so that it can be made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from wherefrom.settings import is_pair

OWN_DISTRIBUTIONS = ("wherefrom", "wherefrom-hf", "wherefrom-viz", "wherefrom-cli", "numpy")

ALIGNMENTS = "contrast_targets_alignments"
BY_EXAMPLE = ("contrast_targets", "contrast_sources", ALIGNMENTS)
"""Arguments with an entry per example, or the entry itself where there is one example."""
KEPT_THERE = ("tables", "cache_dir", "offload_folder")
"""Arguments that name a folder to keep things in: it grows as a run does, and decides no number."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that decided the numbers. Plain JSON values only."""

    library_version: str = ""
    versions: dict[str, str] = {}
    """Distribution name to version of what the numbers depend on."""
    model: dict[str, Any] = {}
    """The adapter's card: identity, revision or weight hash, kind, dtype, device kind, tokenizer."""
    method: dict[str, Any] = {}
    """``{"name": ..., "settings": {...}}`` with every setting that differs from its default; ``"files"``: of
    settings that name a file (learned weights), the SHA-256 of what it held."""
    attributed_fn: dict[str, Any] = {}
    """The target function, named like the method."""
    step_scores: list[dict[str, Any]] = []
    arguments: dict[str, Any] = {}
    """Other arguments of `attribute`: positions, contrast, attribute_target, ... None where results were merged of
    which each was told another value."""
    generation_args: dict[str, Any] = {}
    """What generation was told; None where results were merged of which each was told another value."""
    input_texts: list[str] = []
    generated_texts: list[str] = []
    constrained_decoding: bool = False
    """Were all outputs forced rather than generated?"""
    seed: int | None = None
    """None: not told, or results of different seeds were merged."""
    created: str = ""
    """Time of day the work began, ISO 8601, UTC."""
    seconds: float = 0.0
    """Wall-clock seconds spent attributing."""
    warnings: list[str] = []
    extra: dict[str, Any] = {}
    """Fields of later versions, kept as they came."""


def by_example(provenance: Provenance, name: str, count: int) -> Sequence[Any] | None:
    """An argument of `BY_EXAMPLE` with an entry for each of ``count`` examples; None: which is whose is not told."""
    value = provenance.arguments.get(name)
    if value is None or isinstance(value, str) or (count == 1 and of_one_example(name, value)):
        return [value] * count
    return value if isinstance(value, list | tuple) and len(value) == count else None


def of_one_example(name: str, value: Any) -> bool:
    """Is a value of an argument of `BY_EXAMPLE` one example's: a text, pairs of positions, a chat or token ids, and no
    list of these?"""
    if not isinstance(value, list | tuple):
        return True
    return all(is_pair(one) if name == ALIGNMENTS else isinstance(one, int | dict) for one in value)


def of_examples(provenance: Provenance, chosen: Sequence[int], count: int) -> Provenance:
    """How some of ``count`` examples were made: with their own texts, and what they were compared with.

    Args:
        chosen: Their places, not negative.
    """
    if len(chosen) == count and all(place == index for index, place in enumerate(chosen)):
        return provenance
    told = {
        name: [texts[place] for place in chosen] if len(texts) == count else texts
        for name, texts in (("input_texts", provenance.input_texts), ("generated_texts", provenance.generated_texts))
    }
    arguments = dict(provenance.arguments)
    for name in [one for one in BY_EXAMPLE if one in arguments]:
        entries = by_example(provenance, name, count)
        if entries is not None:
            put_by_example(arguments, name, [entries[place] for place in chosen])
    return msgspec.structs.replace(provenance, arguments=arguments, **told)


def put_by_example(arguments: dict[str, Any], name: str, entries: list[Any]) -> None:
    """Write the entries of an argument of `BY_EXAMPLE` down; nothing where no example has one."""
    arguments.pop(name, None)
    if any(one is not None for one in entries):
        arguments[name] = entries


def of_whole_run(provenance: Provenance) -> Provenance:
    """The part of one answer's provenance that holds for all that were made likewise; what was warned of is gathered
    (`with_warnings`)."""
    own = (*BY_EXAMPLE, "generation_seed")
    arguments = {name: value for name, value in provenance.arguments.items() if name not in own}
    return msgspec.structs.replace(
        provenance, arguments=arguments, input_texts=[], generated_texts=[], seconds=0.0, warnings=[]
    )


MOST_WARNINGS = 100
"""Warnings that a run keeps; those that tell numbers of single examples can be as many as the examples."""
_AND_MORE = f"There were more warnings than {MOST_WARNINGS}; the others are not kept."


def with_warnings(provenance: Provenance, further: Iterable[str]) -> Provenance:
    """The same with further warnings, each once; beyond `MOST_WARNINGS` one says that there were more."""
    told = list(dict.fromkeys([*provenance.warnings, *further]))
    if len(told) > MOST_WARNINGS:
        told = [*told[:MOST_WARNINGS], _AND_MORE]
    return provenance if told == provenance.warnings else msgspec.structs.replace(provenance, warnings=told)


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
