"""Which word of a text each token belongs to.

Word boundaries come from the text and the tokens' places in it, so that they mean the same for every tokenizer:
a word is a run of letters, digits and joiners; a run of other visible characters is a word of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s]+")


def word_indices(texts: Sequence[str], special: Sequence[bool]) -> list[int | None]:
    """Word number of each token, from the tokens' texts in order.

    Args:
        texts: What each token adds to the text, leading space included.
        special: Tokens that are no part of the text; they belong to no word.

    Returns:
        A number per token, equal for tokens of one word; None for special tokens and tokens of nothing but space.

    Example:
        >>> word_indices([" walk", "ing", " home", "."], [False] * 4)
        [0, 0, 1, 2]
    """
    whole = "".join("\n" if mark else text for text, mark in zip(texts, special, strict=True))
    spans = [match.span() for match in _WORD.finditer(whole)]
    indices: list[int | None] = []
    begin, word = 0, 0
    for text, mark in zip(texts, special, strict=True):
        length = 1 if mark else len(text)
        end = begin + length
        while word < len(spans) and spans[word][1] <= begin:
            word += 1
        inside = not mark and word < len(spans) and spans[word][0] < end
        indices.append(word if inside else None)
        begin = end
    return indices
