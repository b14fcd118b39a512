"""Between text and ids: encoding with character offsets, chats, and readable tokens for ids that never were text."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase
from wherefrom.adapters import Encoding, Side
from wherefrom.arrays import IntArray
from wherefrom.text.characters import inside_characters
from wherefrom.text.segmentation import word_indices
from wherefrom.text.spelling import BROKEN, Place, byte_of, placed, plain_letters, texts_of_pieces
from wherefrom.text.tokens import Token
from wherefrom.text.turns import Piece, segments_of

from wherefrom_hf.text.chat import rendered

_NOWHERE: tuple[int, int] = (0, 0)
"""The place of what a tokenizer puts in front."""
DECODE_WINDOW = 8
"""Tokens of left context that decide how a token is spelt when ids are decoded one after another."""


@frozen(eq=False)
class TextCoder:
    """A tokenizer with the conventions of one model."""

    tokenizer: PreTrainedTokenizerBase
    decoder_start_id: int | None
    """First target id of an encoder-decoder; None for decoder-only models."""
    chat_template_kwargs: Mapping[str, Any] = field(factory=dict)
    """What the chat template is given besides the messages."""

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool,
        decoder_prefix: bool,
        documents: Sequence[Mapping[str, str]] = (),
    ) -> Encoding:
        """See `wherefrom.adapters.SequenceModel.encode`, and for ``documents`` `wherefrom.adapters.PlacesDocuments`."""
        pieces: tuple[Piece, ...] = ()
        if not isinstance(text, str):
            options = dict(self.chat_template_kwargs)
            if documents:
                options["documents"] = [dict(one) for one in documents]
            chat = rendered(self.tokenizer, text, options)
            text, pieces = chat.text, chat.pieces
            add_special_tokens = False
        as_target = side == "target" and self.decoder_start_id is not None
        arguments: dict[str, Any] = {
            "add_special_tokens": add_special_tokens and not decoder_prefix,
            "return_attention_mask": False,
            "return_special_tokens_mask": True,
            "verbose": False,
        }
        if self.tokenizer.is_fast:
            arguments["return_offsets_mapping"] = True
        ids, offsets = self._framed(text, arguments, as_target=as_target)
        array = np.array(ids, dtype=np.int64)
        gaps = offsets is not None and self._misplaced(array, text, offsets)
        if offsets is None or gaps:
            tokens = self._tokens_in(array, text, gaps=gaps)
        else:
            tokens = self._tokens_at(array, text, offsets)
        return Encoding(ids=array, tokens=tokens, text=text, segments=segments_of(pieces, tokens, side))

    def tokens(self, ids: IntArray) -> tuple[Token, ...]:
        """Tokens of ids, spelt as they add to the text when decoded one after another."""
        return self._one_after_another(ids, self._increments([int(i) for i in ids]))

    def _one_after_another(self, ids: IntArray, texts: Sequence[str]) -> tuple[Token, ...]:
        """Tokens whose places are in what they add together."""
        ends = np.cumsum([len(text) for text in texts]).tolist()
        starts = [end - len(text) + len(text) - len(text.lstrip()) for end, text in zip(ends, texts, strict=True)]
        return self._labelled(ids, texts, list(zip(starts, ends, strict=True)))

    def decode(self, ids: IntArray, *, skip_special_tokens: bool) -> str:
        """The text of ids, as it is: nothing is cleaned up."""
        text = self.tokenizer.decode(
            [int(i) for i in ids], skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)
        return text

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text."""
        start = () if self.decoder_start_id is None else (self.decoder_start_id,)
        return frozenset({*self.tokenizer.all_special_ids, *start})

    def _tokens_in(self, ids: IntArray, text: str, *, gaps: bool) -> tuple[Token, ...]:
        """Tokens of a text whose places the tokenizer does not tell: they are found where the text has what they are
        decoded to. What was put in front or behind has no width, an unknown token is all that stands in its place.

        Args:
            gaps: Were letters left out of the ids?
        """
        texts = self._increments([int(i) for i in ids])
        if "".join(texts) == text:
            return self._one_after_another(ids, texts)
        marks, unknown = self.mark_ids, self.tokenizer.unk_token_id
        special = [int(i) in marks for i in ids]
        untold = [i == unknown and not mark for i, mark in zip(ids, special, strict=True)]
        told = [BROKEN if one else own for own, one in zip(texts, untold, strict=True)]
        behind = [place for place, one in enumerate(untold[:-1], start=1) if one and not untold[place]]
        for place in behind:  # a space there may be that of the unknown token's name
            told[place] = texts[place].lstrip()
        found, places = placed(text, told, special, gaps=gaps)
        for place in behind:
            start = places[place][0]
            if start and text[start - 1].isspace():
                found[place] = texts[place]
        return self._labelled(ids, found, places)

    def _misplaced(self, ids: IntArray, text: str, offsets: Sequence[tuple[int, int]]) -> bool:
        """Do the tokens leave out letters of the text, and stand elsewhere than where their offsets point?

        Behind a character that has no piece and no unknown token, `tokenizers` counts on as if it were not there.
        Special tokens that were written in the text spell themselves.
        """
        if self.tokenizer.unk_token_id in ids:
            return False
        special = self.special_ids
        both = ((int(i), (start, end)) for i, (start, end) in zip(ids, offsets, strict=True))
        told = [(i, (start, end)) for i, (start, end) in both if i not in special or start < end]
        pieces = texts_of_pieces(list(map(str, self.tokenizer.convert_ids_to_tokens([i for i, _ in told]))))
        spelt, letters = plain_letters("".join(pieces)), plain_letters(text)
        if len(spelt) >= len(letters) or not _left_from(spelt, letters):
            return False
        told_of = zip(pieces, told, strict=True)
        found = (
            (plain_letters(piece), plain_letters(text[start:end])) for piece, (_, (start, end)) in told_of if piece
        )
        return any(own != there for own, there in found)

    def _tokens_at(self, ids: IntArray, text: str, offsets: Sequence[tuple[int, int]]) -> tuple[Token, ...]:
        marks = self.mark_ids
        offsets = _with_marks(text, offsets)
        texts: list[str] = []
        spans: list[tuple[int, int]] = []
        end_before = 0
        owner: int | None = None  # of the character that was spelt last
        for place, (i, (start, end)) in enumerate(zip(ids, offsets, strict=True)):
            following = offsets[place + 1][0] if place + 1 < len(offsets) else end
            if max(start, end_before) < end and following == start and self._is_blank(int(i)):
                # a bare mark of a space, which some tokenizers put where the next token is: it has the space alone
                texts.append(text[end_before:start])
                spans.append((start, start))
                end_before, owner = start, None
                continue
            if start == end > end_before and text[end_before:end].isspace() and self._is_blank(int(i)):
                start = end_before  # a space that the tokenizer trimmed off its own offsets
            if end <= start or end <= end_before:
                spelt = self.decode(np.array([i]), skip_special_tokens=False) if int(i) in marks else ""
                texts.append(spelt)
                spans.append((end_before, end_before) if int(i) in marks else (start, end))
                continue
            if start < end_before and owner is not None:
                # it ends a character and has more: no cut in front of it would leave whole characters
                texts[owner] += text[end_before:end]
                spans[owner] = (spans[owner][0], end)
                texts.append("")
                spans.append((start, end))
            else:
                owner = len(texts)
                texts.append(text[end_before:end])
                spans.append((start, end))
            end_before = end
        return self._labelled(ids, texts, spans)

    def _is_blank(self, i: int) -> bool:
        """Does the id stand for white space, or for nothing, and not for a part of a character?"""
        return i not in self.special_ids and not self.decode(np.array([i]), skip_special_tokens=False).strip()

    @property
    def mark_ids(self) -> frozenset[int]:
        """Ids that are no part of a text: all special ones but the unknown token, which stands for a word of it. Where
        a tokenizer lets one id begin or end sequences and be the unknown token, it is a mark."""
        roles = ("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id")
        marks = [self.decoder_start_id, *(getattr(self.tokenizer, role) for role in roles)]
        unknown = self.tokenizer.unk_token_id
        return frozenset(i for i in self.special_ids if i != unknown or i in marks)

    def _labelled(self, ids: IntArray, texts: Sequence[str], spans: Sequence[Place]) -> tuple[Token, ...]:
        marks = self.mark_ids
        special = [int(i) in marks for i in ids]
        pieces = self.tokenizer.convert_ids_to_tokens([int(i) for i in ids])
        words = word_indices(texts, special)
        return tuple(
            Token(
                id=int(i),
                piece=str(piece),
                text=text,
                position=position,
                start=start,
                end=end,
                special=mark,
                word=word,
            )
            for position, (i, piece, text, (start, end), mark, word) in enumerate(
                zip(ids, pieces, texts, spans, special, words, strict=True)
            )
        )

    def _increments(self, ids: Sequence[int]) -> list[str]:
        """What each id adds to the decoded text: together they are it. A character of several tokens is put to the
        first of them, as the offsets of encoded text have it; bytes that never make one are put there as replacement
        characters."""
        special, single = self.special_ids, self._bytes_of(ids)
        texts = [""] * len(ids)
        settled: list[int] = []  # where tokens begin whose text is known, outside of characters and runs of bytes
        first = 0
        while first < len(ids):
            window = next((place for place in reversed(settled) if place <= first - DECODE_WINDOW), 0)
            before = self._spelt(ids[window:first]) if first > window else ""
            last = first
            while last + 1 < len(ids) and single[last] is not None and single[last + 1] is not None:
                last += 1  # what one byte of a run is decoded to is decided by all of them
            run = [byte for byte in single[first : last + 1] if byte is not None]
            after = self._spelt(ids[window : last + 1])
            while not run and after.endswith(BROKEN) and ids[last] not in special and last + 1 < len(ids):
                last += 1
                after = self._spelt(ids[window : last + 1])
            stable = before if after.startswith(before) else before.rstrip(BROKEN)
            added = after[len(stable) :] if after.startswith(stable) else after
            if run:
                texts[first : last + 1] = _by_bytes(added, bytes(run))
            else:
                broken = len(added) if last == first else self._broken(added, ids[last], ids[last] in special)
                texts[first] = added[:broken]
                texts[last] += added[broken:]
            settled.append(first)
            first = last + 1
        return texts

    def _broken(self, added: str, last: int, special: bool) -> int:
        """How much of what several tokens add is no whole character, or one that the last of them ended."""
        broken = added.rfind(BROKEN) + 1
        if special:
            broken = max(broken, len(added) - len(self._spelt([last])))
        return broken if broken or special else len(added)

    def _spelt(self, ids: Sequence[int]) -> str:
        return self.decode(np.array(ids), skip_special_tokens=False)

    def _bytes_of(self, ids: Sequence[int]) -> list[int | None]:
        """The byte that each id stands for, where a tokenizer has pieces for single ones (``<0xE0>``; in ByT5 the
        letter of that number); else None."""
        pieces = list(map(str, self.tokenizer.convert_ids_to_tokens(list(ids))))
        if isinstance(self.tokenizer, ByT5Tokenizer):
            return [ord(piece) if len(piece) == 1 and ord(piece) < 256 else None for piece in pieces]
        return list(map(byte_of, pieces))

    def _framed(
        self, text: str, arguments: Mapping[str, Any], *, as_target: bool
    ) -> tuple[list[int], list[tuple[int, int]] | None]:
        """The ids of a text, and their places in it where the tokenizer tells them, between the special tokens that
        belong in front and behind, but for those that the text spells out there itself."""

        def encoded(**options: Any) -> Any:
            told = {**arguments, **options}
            return self.tokenizer(text_target=text, **told) if as_target else self.tokenizer(text, **told)

        made = encoded()
        ids, offsets = made["input_ids"], made.get("offset_mapping")
        inner: list[tuple[int, tuple[int, int]]] = list(
            zip(ids, [_NOWHERE] * len(ids) if offsets is None else offsets, strict=True)
        )
        front: list[tuple[int, tuple[int, int]]] = []
        behind: list[tuple[int, tuple[int, int]]] = []
        if as_target and self.decoder_start_id is not None:
            front.append((self.decoder_start_id, _NOWHERE))
        if any(special in text for special in self.tokenizer.all_special_tokens):
            bare = list(encoded(add_special_tokens=False)["input_ids"] if arguments["add_special_tokens"] else ids)
            if (at := _found(bare, [i for i, _ in inner])) is not None:
                end = at + len(bare)
                front, inner, behind = [*front, *inner[:at]], inner[at:end], inner[end:]
                front = front[: len(front) - _shared([i for i, _ in front], bare)]
                behind = behind[_shared(bare, [i for i, _ in behind]) :]
        whole = [*front, *inner, *behind]
        return [i for i, _ in whole], None if offsets is None else [place for _, place in whole]


def _left_from(some: str, letters: str) -> bool:
    """Is one what is left of the other where letters are taken out?"""
    rest = iter(letters)
    return all(one in rest for one in some)


def _found(some: Sequence[int], ids: Sequence[int]) -> int | None:
    """Where in a sequence another one stands first; None: nowhere."""
    places = range(len(ids) - len(some) + 1)
    return next((place for place in places if list(ids[place : place + len(some)]) == list(some)), None)


def _shared(before: Sequence[int], behind: Sequence[int]) -> int:
    """How many ids the one ends with that the other begins with."""
    most = min(len(before), len(behind))
    return next((count for count in range(most, 0, -1) if list(before[-count:]) == list(behind[:count])), 0)


def _by_bytes(added: str, run: bytes) -> list[str]:
    """What a run of single bytes adds, by byte: each character at its first one.

    Where bytes are no characters, a tokenizer may leave them out, or put a replacement for each; else all is at the
    first.
    """
    decoder = getincrementaldecoder("utf-8")(errors="ignore")
    texts, first = [""] * len(run), 0
    for place, byte in enumerate(run):
        first = first if byte & 0xC0 == 0x80 else place
        texts[first] += decoder.decode(bytes([byte]))
    if "".join(texts) == added:
        return texts
    return list(added) if len(added) == len(run) else [added, *[""] * (len(run) - 1)]


def _with_marks(text: str, offsets: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """The offsets, each to the end of a character where the next token begins behind it: tokenizers that compose
    characters, or take accents off, leave the marks out of a decomposed text's offsets."""
    inside = inside_characters(text)
    if not inside:
        return offsets
    widened, following = list(offsets), len(text)
    for place in reversed(range(len(widened))):
        start, end = widened[place]
        if start < end:
            while end in inside and end < following:
                end += 1
            widened[place], following = (start, end), start
    return widened
