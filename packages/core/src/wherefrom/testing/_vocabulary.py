"""A tokenizer small enough to read: words and their endings, in pure Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import field, frozen

from wherefrom.text.tokens import Token

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<mask>")
WORDS = tuple(
    """
    the a cat dog bird man woman he she it sat saw sees see eat eats slept sleep was is were not big small red
    old on in near mat tree house and then who what because yesterday
    """.split()  # noqa: SIM905
)
ENDINGS = ("s", "ing", "ed", "er", ".", ",", "?")


@frozen
class Vocabulary:
    """Pieces and the rules between text and ids.

    A word begins with ``▁``; what follows it in the same word is spelled without. Each word is cut greedily
    into the longest pieces known; what no piece fits becomes one unknown token.
    """

    pieces: tuple[str, ...] = (*SPECIAL, *(f"▁{word}" for word in WORDS), *ENDINGS)
    _ids: dict[str, int] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_ids", {piece: i for i, piece in enumerate(self.pieces)})

    def __len__(self) -> int:
        return len(self.pieces)

    def id_of(self, piece: str) -> int:
        """Id of a piece; that of ``<unk>`` if it is not known."""
        return self._ids.get(piece, self._ids["<unk>"])

    def split(self, text: str) -> Iterator[tuple[int, int, int, int]]:
        """``(id, start, end, word)`` of each piece of ``text``: character offsets end-exclusive, words
        counted."""
        for word, match in enumerate(re.finditer(r"\S+", text)):
            start, end = match.span()
            marker = "▁"
            while start < end:
                size = next((n for n in range(end - start, 0, -1) if marker + text[start : start + n] in self._ids), 0)
                cut = start + size if size else end
                yield self.id_of(marker + text[start:cut]), start, cut, word
                start, marker = cut, ""

    def token(self, index: int, position: int) -> Token:
        """The token with id ``index`` at ``position``, without a place in any text."""
        piece = self.pieces[index]
        special = piece in SPECIAL and piece != "<unk>"
        return Token(id=index, piece=piece, text=piece.replace("▁", " "), position=position, special=special)

    def text(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """What the ids spell."""
        kept = [
            self.pieces[i]
            for i in ids
            if not (skip_special_tokens and self.pieces[i] in SPECIAL and i != self.id_of("<unk>"))
        ]
        return "".join(kept).replace("▁", " ").strip()
