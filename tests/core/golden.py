"""Attributions made from the golden arrays, for tests of what happens after the scores are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from wherefrom.results.attribution import Attribution
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Token

DATA = Path(__file__).parents[1] / "golden" / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text("utf-8"))

VNORM = (Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize"))
MEAN = (Stage(name="reduce", settings={"aggregate_fn": "mean"}), Stage(name="normalize"))
"""One step of the default for layers and heads."""


def cases(containing: str) -> list[dict[str, Any]]:
    """Cases one of whose arrays has ``containing`` in its name."""
    return [case for case in INDEX["cases"] if any(containing in name for name in case["arrays"])]


def tokens(pairs: list[list[Any]]) -> tuple[Token, ...]:
    """Tokens of the index, which knows strings and ids."""
    return tuple(
        Token(id=id, piece=piece, text=piece.replace("Ġ", " "), position=position)
        for position, (piece, id) in enumerate(pairs)
    )


def attributions(case: dict[str, Any]) -> Iterator[tuple[str, Attribution, dict[str, np.ndarray]]]:
    """Name, raw attribution and reference arrays of each input of a case."""
    inputs = {one["name"]: one for one in INDEX["models"][case["model"]]["inputs"]}
    with np.load(DATA / case["file"]) as arrays:
        for given in case["inputs"]:
            name = given["name"]
            about = {**inputs[name], **given}
            own = {key[len(name) + 1 :]: arrays[key] for key in arrays.files if key.startswith(f"{name}.")}
            source, target = own.get("source_attributions"), own.get("target_attributions")
            end = about["attr_pos_end"]
            extra = (source if source is not None else target).ndim - 2
            dimensions = {0: (), 1: ("width",), 2: ("layer", "head")}[extra]
            if case["method"] in ("value_zeroing",):
                dimensions = ("layer",)
            default = MEAN * extra if case["method"] in ("attention", "value_zeroing") else VNORM * extra
            target_tokens = tokens(about["target_tokens"])[:end]
            yield (
                name,
                Attribution(
                    source=tokens(about.get("source_tokens", about["target_tokens"][: about.get("prompt_length", 0)])),
                    target=target_tokens,
                    attr_pos_start=about["attr_pos_start"],
                    attr_pos_end=end,
                    source_attributions=None if source is None else np.nan_to_num(source),
                    target_attributions=None if target is None else np.nan_to_num(target),
                    step_scores={
                        k.removeprefix("step_scores."): v for k, v in own.items() if k.startswith("step_scores.")
                    },
                    sequence_scores={
                        k.removeprefix("sequence_scores."): np.nan_to_num(v)
                        for k, v in own.items()
                        if k.startswith("sequence_scores.")
                    },
                    dimensions=dimensions,
                    method=case["method"],
                    default_aggregation=default,
                ),
                own,
            )
