"""Which token of a contrastive text each explained token is compared with.

By default texts that begin and end alike pair up there. What differs in between is compared position by
position if it has as many tokens on both sides; otherwise by the shortest edit script over the tokens,
where tokens of equal text count as equal and a stretch that is merely cut into other pieces pairs up by
character offsets. A token that was deleted is compared with whatever the contrast says at that place.
Nothing is ever paired from the end by counting.

Given pairs are taken as they are; what lies between them is aligned as above. With ``"auto"`` the tokens
that differ pair up where each is the other's nearest by a similarity, such as that of the model's own
embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import frozen

from wherefrom.arrays import FloatArray, IntArray, is_listed
from wherefrom.errors import InputError
from wherefrom.settings import is_pair
from wherefrom.text.tokens import Token, step_named

Pairs: TypeAlias = Sequence[tuple[int, int]]
"""(position in the original target, position in the contrastive target), absolute, start token counted."""

Alignments: TypeAlias = "Pairs | str | None"
"""For one example: pairs, ``"auto"``, or None for the default."""

DISTANCE_PENALTY = 0.1
"""How much of a similarity is lost over the whole length of the texts: decides between equals only."""


@frozen(kw_only=True, eq=False)
class Alignment:
    """Each step's counterpart, and how it was found."""

    steps: IntArray
    """Explained positions of the original, shape ``(G,)``."""
    positions: IntArray
    """Position in the contrast compared with each step, shape ``(G,)``, at least 1."""
    unpaired: IntArray
    """Steps without a counterpart of their own: compared with what the contrast says at that place."""
    origin: Literal["default", "given", "auto"]
    beyond: IntArray
    """The last steps, if the contrast ends before them: they are compared with its last token, or with what ends it,
    and belong to no word that it has a counterpart of."""

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(step, position in the contrast) for each step."""
        return tuple(zip(self.steps.tolist(), self.positions.tolist(), strict=True))

    def described(self, original: Sequence[Token], contrast: Sequence[Token]) -> dict[str, Any]:
        """The pairs as JSON values, with their texts, to be shown to whoever asked."""
        return {
            "origin": self.origin,
            "pairs": [
                {
                    "step": step,
                    "contrast_position": position,
                    "target": str(original[step]),
                    "contrast": str(contrast[position]),
                    "contrast_id": contrast[position].id,
                    "contrast_piece": contrast[position].piece,
                }
                for step, position in self.pairs
            ],
            "unpaired": self.unpaired.tolist(),
        }


def align(
    original: Sequence[Token],
    contrast: Sequence[Token],
    steps: IntArray,
    alignments: Alignments = None,
    *,
    similarity: FloatArray | None = None,
    boundary: tuple[int, int] | None = None,
) -> Alignment:
    """Find each step's counterpart in the contrast.

    Args:
        original: The decoder's sequence. Shape of its ids ``(T,)``.
        contrast: The contrastive one, ``(C,)`` tokens.
        steps: Explained positions of the original, ascending.
        alignments: Pairs of absolute positions, ``"auto"`` (needs ``similarity``), or None.
        similarity: Of each original token to each contrastive one, shape ``(T, C)``, in [-1, 1].
        boundary: Where the continuation begins in both, if known: prompts pair with prompts, continuations
            with continuations.

    Raises:
        InputError: A pair lies outside of the texts, a step has two counterparts, the contrast is too short, or
            a step would be compared with the contrast's first token, which nothing precedes.

    Example:
        >>> from wherefrom.text.tokens import Token
        >>> def tokens(text):
        ...     return [Token(id=hash(w), piece=w, text=w, position=i) for i, w in enumerate(text.split())]
        >>> old, new = tokens("the nurse manager was ill"), tokens("the manager was well")
        >>> align(old, new, np.array([2, 3, 4])).pairs
        ((2, 1), (3, 2), (4, 3))
    """
    if len(contrast) < 2:
        raise InputError(
            f"The contrast {_quoted(contrast)} has {len(contrast)} token(s); a token can only be compared after "
            "another. Give the whole contrastive text: for decoder-only models prompt and continuation together."
        )
    anchors = [] if alignments is None or isinstance(alignments, str) else _checked(alignments, original, contrast)
    if boundary is not None and any((here < boundary[0]) != (there < boundary[1]) for here, there in anchors):
        boundary = None  # these pairs are meant
    if isinstance(alignments, str):
        if similarity is None:
            raise InputError(
                f"contrast_targets_alignments={alignments!r} is not understood. Give 'auto', pairs of positions, or "
                "nothing."
            )
        images = _apart(original, contrast, np.asarray(similarity, dtype=np.float64), boundary)
    else:
        images = _between_anchors(original, contrast, anchors, boundary)
    return _completed(images, original, contrast, steps, alignments, boundary)


def one_per_example(alignments: Any, examples: int) -> list[Alignments]:
    """The alignment of each example, from what a user may write.

    Args:
        alignments: None, ``"auto"``, pairs for a single example, or a list with one of these per example.

    Raises:
        InputError: There are more or fewer alignments than examples, or something is no pair of positions.
    """
    if alignments is None or isinstance(alignments, str):
        return [alignments] * examples
    if not is_listed(alignments):
        raise InputError(
            f"contrast_targets_alignments is {alignments!r}; expected None, 'auto', or (target position, contrast "
            "position) pairs, for each example where there are several."
        )
    listed = list(alignments)
    if listed and all(is_pair(item) for item in listed):
        if examples != 1:
            raise InputError(
                f"contrast_targets_alignments has pairs for one example, and there are {examples}. Give a list with "
                "the pairs of each example, in order."
            )
        return [[(int(a), int(b)) for a, b in listed]]
    if len(listed) != examples:
        raise InputError(f"{len(listed)} contrast_targets_alignments for {examples} example(s). Give one for each.")
    return [_one_example(item, index) for index, item in enumerate(listed)]


def _one_example(item: Any, index: int) -> Alignments:
    if item is None or isinstance(item, str):
        return item
    if not is_listed(item):
        raise InputError(
            f"contrast_targets_alignments[{index}] is {item!r}; expected None, 'auto', or (target position, contrast "
            "position) pairs."
        )
    pairs = list(item)
    for pair in pairs:
        if not is_pair(pair):
            raise InputError(
                f"contrast_targets_alignments[{index}] has {pair!r}; expected (target position, contrast position), "
                "two whole numbers."
            )
    return [(int(a), int(b)) for a, b in pairs]


def _checked(pairs: Pairs, original: Sequence[Token], contrast: Sequence[Token]) -> list[tuple[int, int]]:
    """The pairs, ascending, once they are known to make sense."""
    chosen: dict[int, int] = {}
    for position, image in pairs:
        if not 0 <= position < len(original):
            raise InputError(
                f"The alignment ({position}, {image}) points to target position {position}; the target has "
                f"{len(original)} tokens, 0 to {len(original) - 1} (its first token counted)."
            )
        if not 0 <= image < len(contrast):
            raise InputError(
                f"The alignment ({position}, {image}) points to contrast position {image}; the contrast "
                f"{_quoted(contrast)} has {len(contrast)} tokens, 0 to {len(contrast) - 1} (its first token counted)."
            )
        if chosen.setdefault(position, image) != image:
            raise InputError(
                f"Target position {position} ({original[position].text!r}) is aligned with two contrast positions, "
                f"{chosen[position]} and {image}. Keep one of them."
            )
    return sorted(chosen.items())


Images: TypeAlias = "dict[int, int | None]"
"""Position in the original to position in the contrast; None where nothing corresponds."""


def _between_anchors(
    original: Sequence[Token],
    contrast: Sequence[Token],
    anchors: Sequence[tuple[int, int]],
    boundary: tuple[int, int] | None,
) -> Images:
    """The anchors, and the default alignment of what lies before, between and after them and the boundary; of the
    whole, if these cross."""
    # an anchor is a token long, a boundary lies between tokens
    cuts = sorted([*((*anchor, 1) for anchor in anchors), *([] if boundary is None else [(*boundary, 0)])])
    if any(later[1] < earlier[1] for earlier, later in pairwise(cuts)):
        cuts = []
    images: Images = {}
    begin, image_begin = 0, 0
    for end, image_end, length in [*cuts, (len(original), len(contrast), 0)]:
        part = _script(original[begin:end], contrast[image_begin : max(image_end, image_begin)])
        images.update({begin + i: None if j is None else image_begin + j for i, j in part.items()})
        begin, image_begin = end + length, image_end + length
    return {**images, **dict(anchors)}


def _script(a: Sequence[Token], b: Sequence[Token]) -> Images:
    """Default alignment of two stretches."""
    equal = _equal(a, b)
    head, tail = shared_ends(equal)
    n, m = len(a) - head - tail, len(b) - head - tail
    images: Images = {i: i for i in range(head)}
    images.update({len(a) - k: len(b) - k for k in range(1, tail + 1)})
    if n == m:
        middle: Images = {i: i for i in range(n)}
    else:
        middle = _edited(a[head : head + n], b[head : head + m], equal[head : head + n, head : head + m])
    images.update({head + i: None if j is None else head + j for i, j in middle.items()})
    return images


def _edited(a: Sequence[Token], b: Sequence[Token], equal: Any) -> Images:
    """Pairs of a shortest edit script: equal tokens with each other, replaced stretches piece by piece."""
    kept = [*kept_by_shortest_script(equal), (len(a), len(b))]
    images: Images = {}
    begin, image_begin = 0, 0
    for end, image_end in kept:
        images.update(_replaced(a, b, range(begin, end), range(image_begin, image_end)))
        if end < len(a):
            images[end] = image_end
        begin, image_begin = end + 1, image_end + 1
    return images


def _replaced(a: Sequence[Token], b: Sequence[Token], here: range, there: range) -> Images:
    """Pairs within a stretch that stands for another one."""
    if not there:
        return dict.fromkeys(here)
    texts, others = [a[i].text for i in here], [b[j].text for j in there]
    first = _same_characters(texts, others)
    rest = there[first[-1] + 1 :] if first else there
    images: Images = {i: there[k] for i, k in zip(here, first, strict=False)}
    for k, i in enumerate(here[len(first) :]):
        images[i] = rest[min(k, len(rest) - 1)] if rest else there[-1]
    return images


def _same_characters(texts: Sequence[str], others: Sequence[str]) -> list[int]:
    """For the pieces that begin within text the stretches share: the piece there with the same first
    character."""
    here, there = "".join(texts).lstrip(), "".join(others).lstrip()
    shared = next((k for k, (x, y) in enumerate(zip(here, there, strict=False)) if x != y), min(len(here), len(there)))
    ends = np.cumsum([len(other) for other in others]) - (len("".join(others)) - len(there))
    offset = len(here) - len("".join(texts))
    found: list[int] = []
    for text in texts:
        first = offset + len(text) - len(text.lstrip())
        if first >= shared:
            break
        found.append(int(np.searchsorted(ends, first, side="right")))
        offset += len(text)
    return found


def _equal(a: Sequence[Token], b: Sequence[Token]) -> Any:
    """Which tokens are the same: by id, or by their visible text. Shape ``(len(a), len(b))``, boolean."""
    ids = np.array([t.id for t in a])[:, None] == np.array([t.id for t in b])[None, :]
    visible = [["" if token.special else token.text.strip() for token in side] for side in (a, b)]
    words = np.array([[bool(x) and x == y for y in visible[1]] for x in visible[0]], dtype=bool)
    return ids.reshape(len(a), len(b)) | words.reshape(len(a), len(b))


def shared_ends(equal: Any) -> tuple[int, int]:
    """How many tokens are the same at the beginning, and at the end of what is left."""
    shorter = min(equal.shape)
    head = 0
    while head < shorter and equal[head, head]:
        head += 1
    tail = 0
    while tail < shorter - head and equal[-1 - tail, -1 - tail]:
        tail += 1
    return head, tail


def kept_by_shortest_script(equal: Any) -> list[tuple[int, int]]:
    """Pairs of equal tokens that a shortest script of replacements, insertions and deletions leaves in
    place."""
    n, m = equal.shape
    # cost[i, j]: of turning a[i:] into b[j:], filled from the end so that reading it pairs what comes first.
    # An edit outweighs all tokens together; a token that stays takes 1 off: of the shortest scripts, one that
    # keeps most of them wins
    edit = n + m + 1
    here = np.where(equal, -1, edit)
    cost = np.zeros((n + 1, m + 1), dtype=np.int64)
    to_go = edit * np.arange(m, -1, -1)
    cost[n] = to_go
    for i in range(n - 1, -1, -1):
        stay = cost[i + 1] + edit
        stay[:-1] = np.minimum(stay[:-1], cost[i + 1, 1:] + here[i])
        # an insertion moves right at its price: the cheapest place to the right, by a running minimum
        cost[i] = np.minimum.accumulate((stay - to_go)[::-1])[::-1] + to_go
    i = j = 0
    kept: list[tuple[int, int]] = []
    while i < n and j < m:
        if cost[i, j] == cost[i + 1, j + 1] + here[i, j]:
            if equal[i, j]:
                kept.append((i, j))
            i, j = i + 1, j + 1
        elif cost[i, j] == cost[i + 1, j] + edit:
            i += 1
        else:
            j += 1
    return kept


def _apart(
    original: Sequence[Token], contrast: Sequence[Token], similarity: FloatArray, boundary: tuple[int, int] | None
) -> Images:
    """Pairs by similarity of what lies before the boundary, and of what lies behind it."""
    end, image_end = boundary or (0, 0)
    before = _by_similarity(original[:end], contrast[:image_end], similarity[:end, :image_end])
    behind = _by_similarity(original[end:], contrast[image_end:], similarity[end:, image_end:])
    return {**before, **{end + i: None if j is None else image_end + j for i, j in behind.items()}}


def _by_similarity(original: Sequence[Token], contrast: Sequence[Token], similarity: FloatArray) -> Images:
    """Shared ends pair up; in between, tokens that are each other's nearest."""
    head, tail = shared_ends(_equal(original, contrast))
    n, m = len(original) - head - tail, len(contrast) - head - tail
    images: Images = dict.fromkeys(range(len(original)))
    images.update({i: i for i in range(head)})
    images.update({len(original) - k: len(contrast) - k for k in range(1, tail + 1)})
    if n and m:
        middle = similarity[head : head + n, head : head + m]
        places = np.abs((np.arange(n)[:, None] + 0.5) / n - (np.arange(m)[None, :] + 0.5) / m)
        middle = middle - DISTANCE_PENALTY * places
        nearest, back = middle.argmax(axis=1), middle.argmax(axis=0)
        images.update({head + i: head + int(j) for i, j in enumerate(nearest) if back[j] == i})
    return images


def _completed(
    images: Images,
    original: Sequence[Token],
    contrast: Sequence[Token],
    steps: IntArray,
    alignments: Alignments,
    boundary: tuple[int, int] | None,
) -> Alignment:
    """Every step with a position to read: that of its counterpart, or the place where it would stand, which is on the
    same side of the boundary."""
    filled: list[int] = []
    place = 0
    for position in range(len(original)):
        if boundary is not None and position == boundary[0]:
            place = max(place, boundary[1])
        image = images.get(position)
        filled.append(min(place, len(contrast) - 1) if image is None else image)
        place = place if image is None else image + 1
    positions = np.array([filled[int(step)] for step in steps], dtype=np.int64)
    unpaired = np.array([int(step) for step in steps if images.get(int(step)) is None], dtype=np.int64)
    given = {} if alignments is None or isinstance(alignments, str) else dict(alignments)
    beyond = _beyond(images, filled, original, contrast, given)
    early = np.flatnonzero(positions < 1)
    if len(early):
        step = int(steps[early[0]])
        raise InputError(
            f"The counterpart of {step_named(step, original[step].text)} would be the first token of the contrast "
            f"{_quoted(contrast)}, which nothing precedes. Give the whole contrastive text (for decoder-only models "
            "prompt and continuation together), or align the step with contrast_targets_alignments."
        )
    origin: Literal["default", "given", "auto"] = "default"
    if alignments is not None:
        origin = "auto" if isinstance(alignments, str) else "given"
    return Alignment(
        steps=np.asarray(steps),
        positions=positions,
        unpaired=unpaired,
        origin=origin,
        beyond=np.array([int(step) for step in steps if int(step) in beyond], dtype=np.int64),
    )


def _beyond(
    images: Images,
    filled: Sequence[int],
    original: Sequence[Token],
    contrast: Sequence[Token],
    given: Mapping[int, int],
) -> set[int]:
    """Tokens at the end of the original that the contrast is too short for.

    Args:
        filled: The position that each token is compared with.
        given: Pairs that somebody chose, which are meant.
    """
    last = max((place for place, token in enumerate(contrast) if not token.special), default=len(contrast) - 1)
    begin = min((position for position, image in images.items() if image == last), default=-1) + 1
    if begin:
        said, word = contrast[last].text.strip(), original[begin - 1].word
        pieces = original[begin - 1].text.lstrip()
        for token in original[begin:]:
            pieces += token.text
            if not said.startswith(pieces) and (word is None or token.word != word):
                break
            begin += 1
    found: set[int] = set()
    for position in reversed(range(begin, len(original))):
        if original[position].special:
            continue
        if position in given or filled[position] < last:
            break
        found.add(position)
    return found


def _quoted(tokens: Sequence[Token], limit: int = 60) -> str:
    text = "".join(token.text for token in tokens)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
