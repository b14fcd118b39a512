"""inseq's results as our own, to be shown, compared and evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from wherefrom.inseq.utils.typing import TokenWithId
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.details import of_whole
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.text.spelling import texts_of_pieces
from wherefrom.text.tokens import Token

NORM = (Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize"))
MEAN = (Stage(name="reduce", settings={"aggregate_fn": "mean"}), Stage(name="normalize"))


def as_wherefrom(output: Any) -> Attributions:
    """A `wherefrom.Attributions` of an output's sequences, as they are now."""
    info = output.info
    provenance = Provenance(
        model={"name": info.get("model_name") or "", "model_class": info.get("model_class") or ""},
        method={"name": info.get("attribution_method") or ""},
        attributed_fn={"name": str(info.get("attributed_fn") or "").removesuffix("_fn")},
        input_texts=[str(text) for text in info.get("input_texts") or []],
        generated_texts=[str(text) for text in info.get("generated_texts") or []],
        constrained_decoding=bool(info.get("constrained_decoding")),
    )
    method = str(info.get("attribution_method") or "")
    examples = tuple(_attribution(one, method) for one in output.sequence_attributions)
    return Attributions(sequence_attributions=examples, provenance=provenance)


def _attribution(one: Any, method: str) -> Attribution:
    origin = one._origin
    source, target = _array(one.source_attributions), _array(one.target_attributions)
    if target is not None and len(target) < len(one.target):
        target = np.pad(target, ((0, len(one.target) - len(target)), *((0, 0),) * (target.ndim - 1)))
    extra = next((scores.ndim - 2 for scores in (source, target) if scores is not None), 0)
    dimensions = dimensions_of(one, extra)
    return Attribution(
        source=_tokens(one.target[: len(origin.source)] if _begins(one) and _is_whole(one) else one.source),
        target=_tokens(one.target),
        attr_pos_start=one.attr_pos_start,
        attr_pos_end=one.attr_pos_end,
        source_attributions=source,
        target_attributions=target,
        step_scores={name: _array(scores) for name, scores in (one.step_scores or {}).items()},
        sequence_scores={name: _array(scores) for name, scores in (one.sequence_scores or {}).items()},
        dimensions=dimensions,
        method=method or ("" if origin is None else origin.method),
        signed=any(bool((scores < 0).any()) for scores in (source, target) if scores is not None),
        aggregations=one._stages,
        default_aggregation=(NORM if dimensions == ("width",) else MEAN * len(dimensions)),
        details=_details(one, origin),
        **({} if origin is None else {"id": origin.id, "annotations": origin.annotations}),
    )


def _details(one: Any, origin: Attribution | None) -> dict[str, Any]:
    """What the method told, as far as it is told of these tokens and steps."""
    if origin is None:
        return {}
    return origin.details if _is_whole(one) else of_whole(origin.details)


def _begins(one: Any) -> bool:
    """Is the source all that stands before the first step, of which the prompt is the beginning?"""
    return one.source_attributions is None and one.target_attributions is not None


def _is_whole(one: Any) -> bool:
    """Has it the tokens and steps of the result it was made from?"""
    if one._origin is None:
        return False
    same = [(len(made.target), made.attr_pos_start, made.attr_pos_end) for made in (one, one._origin)]
    return same[0] == same[1] and (_begins(one) or len(one.source) == len(one._origin.source))


def _array(tensor: Tensor | None) -> Any:
    """NaN becomes 0, as absent cells hold."""
    if tensor is None:
        return None
    values: npt.NDArray[Any] = np.nan_to_num(tensor.detach().cpu().float().numpy(), nan=0.0)
    return values


def dimensions_of(one: Any, extra: int) -> tuple[str, ...]:
    """Names of the dimensions of what a cell holds, of which there are so many."""
    origin = one._origin
    if origin is not None and len(origin.dimensions) >= extra:
        return tuple(origin.dimensions[:extra])
    if extra == 1:
        return ("layer",) if type(one).__name__.startswith("Multi") else ("width",)
    return ("layer", "head") if extra == 2 else tuple(f"dimension {index}" for index in range(extra))


def _tokens(tokens: Sequence[TokenWithId]) -> tuple[Token, ...]:
    """Tokens as the library knows them, where all of a list are known; else, and where they were changed, by their
    spelling."""
    texts = texts_of_pieces([token.token for token in tokens])
    units = [token.unit_as(text) for token, text in zip(tokens, texts, strict=True)]
    known = tuple(unit for unit in units if unit is not None)
    if len(known) == len(tokens):
        return known
    return tuple(
        Token(id=token.id, piece=token.token, text=text, position=index)
        for index, (token, text) in enumerate(zip(tokens, texts, strict=True))
    )
