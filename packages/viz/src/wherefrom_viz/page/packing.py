"""Examples packed small enough that a thousand of them fit into one page.

Scores become logarithms (``display``), 8-bit numbers (``compact``) or stay float32 (``exact``); see
`wherefrom_viz.page.quantisation`. Bytes of equal weight are laid side by side, which deflate likes; about fifty
examples share a block, which the page opens when one of them is looked at: after the planes of all scores come those
of the columns' scales and of the step scores, eight each. Tokens travel as the text that is shown,
plus a letter each that says which units begin with it (`FLAGS`). Cells a step could not see need no storage: positions
tell them.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from attrs import define, frozen
from wherefrom.files.summaries import means_and_lows
from wherefrom.results.aggregators.merging import step_rule
from wherefrom.results.attribution import Attribution
from wherefrom.results.card import card_of
from wherefrom.results.data import TRACE
from wherefrom.results.details import pieces_of
from wherefrom.results.provenance import Provenance
from wherefrom.text.segmentation import placed_segments
from wherefrom.text.tokens import Token
from wherefrom.text.turns import said, template_parts

from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import (
    NOT_FINITE,
    aggregated,
    before_labels,
    bound_for,
    counted_rows,
    model_of,
    score_rows,
    shown_text,
    sign_words,
    spaced,
    subtitle_of,
    template_rows,
    unit_starts_of_side,
    with_before,
)
from wherefrom_viz.describe.options import check_name
from wherefrom_viz.describe.spans import KIND
from wherefrom_viz.describe.text_marks import flowing, joined
from wherefrom_viz.page.quantisation import Precision, from_planes, planes_of, to_planes
from wherefrom_viz.page.titles import Titles, titles_for

FLAGS = {"word": 1, "sentence": 2, "turn": 4, "special": 8, "character": 16, "template": 32, "share": 64}
"""Bits of a token's letter: where units begin, what is no text of anybody (special tokens and template parts), and what
has a share of the score of the unit that the token before is in, too."""
FIRST_FLAG = 48
"""Code of the letter without a flag, ``0``."""
BLOCK_SIZE = 50
_BLOCK_CELLS = 400_000
"""A block is closed early when it holds so many scores, so that opening one stays quick."""
FINE_CELLS = 100_000
"""A page of so many scores may have five digits of each instead of three: some 120 kB more."""
_SNIPPET = 90
_WORTH_A_CODE = 512
"""Bytes from which a plane gets a Huffman code of its own; the code takes some 50 bytes."""


@frozen(kw_only=True)
class Packed:
    """Everything a page carries about its examples."""

    blocks: tuple[str, ...]
    """Base-85 text of deflated blocks."""
    index: str
    """Base-85 text of the deflated list, a line for each example; see `_line`."""
    block_size: int
    bound: float
    """Largest magnitude over all examples."""
    subtitle: str
    """Of the first example; others carry theirs where it differs."""
    titles: Titles
    """What the examples are called."""


@define(kw_only=True)
class Packer:
    """Packs blocks one after the other, and remembers of them what a page says of all."""

    precision: Precision
    titles: Titles
    ends: tuple[float | None, float | None] = (None, None)
    """Ends of the range of colours; None follows the scores."""
    fine: bool = False
    """Five digits of each score rather than three, in ``display``."""
    subtitle: str = ""
    """Of the first example; empty until that was packed."""
    largest: float = 0.0
    """Largest magnitude so far."""

    def __attrs_post_init__(self) -> None:
        check_name("precision", self.precision, get_args(Precision))

    @property
    def shared_bound(self) -> float:
        """Score of the strongest colour over all examples."""
        return self.largest or 1.0

    def block(self, examples: Sequence[tuple[Attribution, Provenance]], first: int) -> tuple[bytes, list[list[Any]]]:
        """The deflated block of some examples, and their lines of the list.

        Args:
            examples: Each with how it was made.
            first: Place of the first among all.
        """
        headers, arrays, scales, floats, lines = [], [], [], [], []
        at = 0
        for place, (one, made) in enumerate(examples, first):
            if place == 0:
                self.subtitle = subtitle_of(one, made)
            header, planes, scale, steps, line = _packed(one, made, place, self)
            header["at"] = at
            at += sum(map(len, planes))
            headers.append(header)
            arrays += planes
            scales.append(scale)
            floats += steps
            lines.append(line)
            self.largest = max(self.largest, header["bound"])
        text = _json({"precision": self.precision, "examples": headers})
        if self.precision == "compact":
            arrays = [b"".join(arrays)]  # their bytes have the same frequencies, in every column and example
        arrays += planes_of(np.concatenate([*scales, *floats]))
        return _deflated_in_parts(struct.pack("<I", len(text)) + text, arrays), lines


def pack(
    examples: Sequence[tuple[Attribution, Provenance]],
    precision: Precision = "display",
    ends: tuple[float | None, float | None] = (None, None),
) -> Packed:
    """Pack examples.

    Args:
        examples: Each with how it was made.
        precision: See the module.
        ends: Of the range of colours; None follows the scores.

    Raises:
        SettingsError: An unknown precision.
    """
    titles = titles_for((one.id, one.method, model_of(made)) for one, made in examples)
    fine = sum(one.cells for one, _ in examples) <= FINE_CELLS
    packer = Packer(precision=precision, titles=titles, ends=ends, fine=fine)
    size = block_size(max((one.cells for one, _ in examples), default=1))
    blocks, index = [], []
    for start in range(0, len(examples), size):
        block, lines = packer.block(examples[start : start + size], start)
        blocks.append(to_base85(block))
        index += lines
    return Packed(
        blocks=tuple(blocks),
        index=deflated(index),
        block_size=size,
        bound=packer.shared_bound,
        subtitle=packer.subtitle,
        titles=titles,
    )


def unpack(block: str) -> list[tuple[dict[str, Any], npt.NDArray[np.float64]]]:
    """Header and scores ``(rows, steps)`` of each example of a block: what the page reads, read in Python."""
    data = zlib.decompress(from_base85(block))
    (size,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + size])
    arrays = data[4 + size :]
    columns = [one["b"] - one["a"] for one in header["examples"]]
    count = sum(steps * (1 + len(one.get("st", ()))) for one, steps in zip(header["examples"], columns, strict=True))
    tail = np.frombuffer(arrays[len(arrays) - 8 * count :], dtype=np.uint8)
    floats = tail.reshape(8, -1).T.copy().view("<f8").ravel()
    scales = np.split(floats[: sum(columns)], np.cumsum(columns)[:-1])
    found = []
    for one, scale in zip(header["examples"], scales, strict=True):
        rows = sum(len(side["f"]) for side in one["sides"] if side.get("scored"))
        found.append((one, from_planes(arrays[one["at"] :], scale, rows, header["precision"])))
    return found


def _packed(
    attribution: Attribution,
    provenance: Provenance,
    place: int,
    packer: Packer,
) -> tuple[dict[str, Any], list[bytes], npt.NDArray[np.float64], list[npt.NDArray[np.float64]], list[Any]]:
    """Header of an example, planes of its scores, scales of its columns, its step scores, its line of the list."""
    attribution, pipeline = aggregated(attribution)
    card = card_of(attribution, provenance).brief()
    scores, visible, sides, _ = score_rows(attribution)
    notes = [*([card] if card else []), *provenance.warnings]
    lost = visible & ~np.isfinite(scores)
    if lost.any():
        notes.append(NOT_FINITE)
    scores = np.where(visible & ~lost, scores, 0.0)
    bound = bound_for(scores[counted_rows(template_rows(attribution, sides))], *packer.ends)
    scored = {side.name for side in sides}
    shown_sides = []
    if attribution.encoded:
        shown_sides.append(_side(attribution, "source", "Source", attribution.source, scored=("source" in scored)))
    shown_sides.append(_side(attribution, "target", "Output", attribution.target, scored=("target" in scored)))
    header: dict[str, Any] = {
        "sides": shown_sides,
        "a": attribution.attr_pos_start,
        "b": attribution.attr_pos_end,
        "bound": bound,
    }
    title, own_subtitle = packer.titles.title(attribution, provenance, place), subtitle_of(attribution, provenance)
    optional = {
        "i": title,
        "m": own_subtitle if own_subtitle != packer.subtitle else "",
        "p": pipeline,
        "no": notes,
        "lo": np.flatnonzero(lost).tolist(),
        "vs": _contrasts(attribution),
        "st": [[name, step_rule(attribution, name)] for name in attribution.step_scores],
        "seg": _segments(attribution),
    }
    header.update({key: value for key, value in optional.items() if value})
    if not attribution.signed:
        header["sg"] = 0
    words = sign_words(attribution, provenance)
    header["w"] = {"of": words.of}
    planes, scale = to_planes(scores, packer.precision, fine=packer.fine)
    steps = [np.asarray(values, dtype="<f8") for values in attribution.step_scores.values()]
    return header, planes, scale, steps, _line(attribution, title, shown_sides)


def _segments(attribution: Attribution) -> list[list[Any]]:
    """Of each segment its side, its first token and the one after the last among the tokens that the page has, its kind
    and label. Named spans end before the columns of a trace, each of which is alone."""
    found: list[list[Any]] = []
    for one in attribution.segments:
        for _, (start, end) in placed_segments(
            attribution.source if one.side == "source" else attribution.target, [one]
        ):
            if one.side == "target" and one.kind == KIND and TRACE in attribution.details:
                end = min(end, attribution.attr_pos_start)
            if start < end:
                found.append([one.side, start, end, flowing(one.kind), flowing(one.label) if one.label else ""])
    return found


def _contrasts(attribution: Attribution) -> dict[int, str]:
    """Column to what its label begins with, of each that was compared with another token: ``"contrast → "``."""
    if TRACE in attribution.details:  # the columns of a trace are hops, of which none was compared
        return {}
    return before_labels(attribution, attribution.steps)


def _side(attribution: Attribution, name: str, title: str, tokens: Sequence[Token], *, scored: bool) -> dict[str, Any]:
    flags = flags_of(attribution, name)
    side: dict[str, Any] = {
        "name": name,
        "title": title,
        "t": [
            _text(token, before, begins=has_flag(flag, "character"))
            for (token, before), flag in zip(with_before(tokens), flags, strict=True)
        ],
        "f": flags,
        "scored": int(scored),
    }
    if any(token.position != index or token.size != 1 for index, token in enumerate(tokens)):
        side["p"] = [token.position for token in tokens]
        side["z"] = [token.size for token in tokens]
    return side


def _text(token: Token, before: Token | None, *, begins: bool) -> str:
    """A token inside running text; of one without text the space before it, if it ``begins`` a character."""
    if token.text:
        return shown_text(token, before)
    return " " if begins and spaced(token, before) else ""


def flags_of(attribution: Attribution, side: str) -> str:
    """A letter per token of a side: which units begin with it, whether it is text at all, and of what its score is a
    share; see `FLAGS`."""
    tokens = attribution.source if side == "source" else attribution.target
    flags = [
        FLAGS["special"] * token.special | FLAGS["template"] * hidden
        for token, hidden in zip(tokens, template_parts(tokens, attribution.segments, side), strict=True)
    ]
    levels: tuple[units.Level, ...] = ("word", "sentence", "turn", "character")
    for level in levels:
        for start in unit_starts_of_side(attribution, side, tokens, level):
            flags[start] |= FLAGS[level]
    for place, (one, other) in enumerate(pairwise(pieces_of(attribution.details, tokens, side) or ()), 1):
        flags[place] |= FLAGS["share"] * (one == other)
    return "".join(chr(FIRST_FLAG + flag) for flag in flags)


def has_flag(letter: str, name: str) -> bool:
    """Has a token's letter the flag?"""
    return bool((ord(letter) - FIRST_FLAG) & FLAGS[name])


def _said(side: dict[str, Any]) -> str:
    """A side's text without special tokens and template parts, or with them if there is nothing else."""
    hidden = [has_flag(letter, "special") or has_flag(letter, "template") for letter in side["f"]]
    return joined(said(side["t"], hidden)).replace("⏎", " ").strip()


def _line(attribution: Attribution, title: str, sides: list[dict[str, Any]]) -> list[Any]:
    """The example in the list: title, text to show, inputs, outputs, mean probability; where it is cut, the whole text.

    The whole one is what is searched. It follows its beginning, so that deflate writes that once.
    """
    texts = [_said(side) for side in sides]
    means, _ = means_and_lows(attribution.step_scores)
    mean = means.get("probability")
    text = " → ".join(text[:_SNIPPET] + ("…" if len(text) > _SNIPPET else "") for text in texts)
    line = [title, text, len(attribution.inputs), len(attribution.steps), None if mean is None else round(mean, 4)]
    return [*line, " → ".join(texts)] if any(len(text) > _SNIPPET for text in texts) else line


def block_size(cells: int) -> int:
    """Examples that share a block, the largest of which has so many cells."""
    return max(1, min(BLOCK_SIZE, _BLOCK_CELLS // max(1, cells)))


def plain_json(value: Any, *, ascii_only: bool = False) -> str:
    """A value as JSON, which knows no number that is not finite: these are null."""
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return plain_json(_finite(value), ascii_only=ascii_only)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: Any) -> bytes:
    return plain_json(value).encode("utf-8")


def deflated_bytes(value: Any) -> bytes:
    """A value as JSON, deflated."""
    return zlib.compress(_json(value), 6)


def deflated(value: Any) -> str:
    """The same in letters."""
    return to_base85(deflated_bytes(value))


def _deflated_in_parts(text: bytes, arrays: Sequence[bytes]) -> bytes:
    """One zlib stream: ``text`` deflated as text is, each of ``arrays`` with a code of its own.

    Bytes of scores repeat no words, so the search for such is left out, runs aside; but bytes of each plane have
    their own frequencies. This takes a third of the time of deflate's level 6 and gives 7 to 10 % less.

    Source:
        RFC 1950 (header and checksum), RFC 1951 (a stream may go on after a full flush).
    """
    of_text = zlib.compressobj(6, zlib.DEFLATED, -15)
    of_arrays = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
    out = [b"\x78\x9c", of_text.compress(text), of_text.flush(zlib.Z_FULL_FLUSH)]
    checksum = zlib.adler32(text)
    for array in arrays:
        out.append(of_arrays.compress(array))
        checksum = zlib.adler32(array, checksum)
        if len(array) >= _WORTH_A_CODE:
            out.append(of_arrays.flush(zlib.Z_BLOCK))
    return b"".join([*out, of_arrays.flush(), struct.pack(">I", checksum)])


_LETTERS = np.frombuffer(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%()*+,-./;=?@^_`{|}~[]", dtype=np.uint8
)
"""Of ASCII, what has no meaning inside a script element: no ``<``, ``>``, ``&`` or quote. A prefix of 85 is used."""


def to_base85(data: bytes) -> str:
    """``length:letters``, five letters for four bytes: 6 % smaller than base64."""
    padded = data + bytes(-len(data) % 4)
    words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
    letters = np.empty((len(words), 5), dtype=np.uint8)
    for place in range(4, -1, -1):
        words, letters[:, place] = np.divmod(words, 85)
    return f"{len(data)}:" + _LETTERS[letters].tobytes().decode("ascii")


def from_base85(text: str) -> bytes:
    """The bytes that `to_base85` wrote."""
    length, _, letters = text.partition(":")
    values = np.zeros(128, dtype=np.uint64)
    values[_LETTERS] = np.arange(len(_LETTERS), dtype=np.uint64)
    digits = values[np.frombuffer(letters.encode("ascii"), dtype=np.uint8)].reshape(-1, 5)
    words = digits @ np.array([85**4, 85**3, 85**2, 85, 1], dtype=np.uint64)
    return words.astype(">u4").tobytes()[: int(length)]
