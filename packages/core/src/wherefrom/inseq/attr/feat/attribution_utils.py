"""Helpers around tokens and positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from wherefrom.errors import InputError
from wherefrom.inseq._elsewhere import NotHereError
from wherefrom.inseq.utils.typing import TokenWithId


def tok2string(
    attribution_model: Any,
    token_lists: Sequence[Sequence[str]],
    start: int | None = None,
    end: int | None = None,
    as_targets: bool = True,
) -> list[str]:
    """The texts of token lists, or of a part of each."""
    return [attribution_model.convert_tokens_to_string(list(row)[start:end]) for row in token_lists]


def rescale_attributions_to_tokens(
    attributions: Sequence[Sequence[float]], tokens: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Scores of each row cut to its tokens."""
    return [list(row)[: len(own)] for row, own in zip(attributions, tokens, strict=True)]


def check_attribute_positions(
    max_length: int, attr_pos_start: int | None = None, attr_pos_end: int | None = None
) -> tuple[int, int]:
    """First and last (exclusive) position to explain; negative ones count from the end.

    Raises:
        InputError: Nothing lies between them.
    """
    start = 1 if attr_pos_start is None else attr_pos_start + (max_length if attr_pos_start < 0 else 0)
    end = max_length if attr_pos_end is None else attr_pos_end + (max_length if attr_pos_end < 0 else 0)
    if start < 0 or start >= min(end, max_length):
        raise InputError(f"Positions {attr_pos_start} to {attr_pos_end} leave nothing of {max_length} tokens.")
    return start, min(end, max_length)


def join_token_ids(
    tokens: Sequence[Sequence[str]],
    ids: Sequence[Sequence[int]],
    contrast_tokens: Sequence[Sequence[str]] | None = None,
    contrast_targets_alignments: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> list[list[TokenWithId]]:
    """Spellings with their ids; ``contrast → token`` with id -1 where a contrast differs."""
    rows = []
    for index, (spelt, numbers) in enumerate(zip(tokens, ids, strict=True)):
        row = [TokenWithId(token, int(id)) for token, id in zip(spelt, numbers, strict=True)]
        other = None if contrast_tokens is None else contrast_tokens[index]
        for position, counterpart in (contrast_targets_alignments or [[]] * len(tokens))[index] if other else ():
            if position < len(row) and other is not None and other[counterpart] != row[position].token:
                row[position] = TokenWithId(f"{other[counterpart]} → {row[position].token}", -1)
        rows.append(row)
    return rows


def get_source_target_attributions(
    attr: Tensor | tuple[Tensor, ...], is_encoder_decoder: bool, has_sequence_scores: bool = False
) -> tuple[Tensor | None, Tensor | None]:
    """Scores of source and target."""
    parts = attr if isinstance(attr, tuple) else (attr,)
    if not is_encoder_decoder:
        return None, parts[0]
    return parts[0], parts[1] if len(parts) > 1 else None


def extract_args(*args: Any, **kwargs: Any) -> Any:
    """Not here."""
    raise NotHereError("attribute deals arguments out itself; wherefrom.questions.routing.deal is how.")
