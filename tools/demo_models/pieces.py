"""Tokenizers whose pieces are chosen by hand.

A word is one piece unless its entry says otherwise: ``photograph|er`` is two, so that methods which put
subwords together have something to do. The fewest pieces win; what no piece covers is spelled letter by
letter, and what has no letter here becomes ``<unk>``.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNK, BREAK = "<pad>", "<s>", "</s>", "<unk>", "<brk>"
LETTERS = string.ascii_letters + string.digits + string.punctuation + "\n" + "àâçéèêëîïôùûÀÇÉÈÊ"
_WHOLE, _LETTER = -5.0, -30.0


def build_tokenizer(
    words: Iterable[str], *, begin: bool, max_length: int, specials: tuple[str, ...] = (PAD, BOS, EOS, UNK)
) -> PreTrainedTokenizerFast:
    """A tokenizer for ``words``.

    Args:
        words: The words, with ``|`` between the pieces of those that have several. A leading ``|`` marks
            a piece that only follows other pieces.
        begin: Put ``<s>`` in front of every text. Otherwise ``</s>`` comes behind it.
        max_length: ``model_max_length``.
        specials: Special tokens; they take the first ids.

    Returns:
        The tokenizer. ``▁`` marks the start of a word; offsets don't include the blank before it.
    """
    scores = dict.fromkeys(specials, 0.0)
    for word in words:
        first, *rest = word.split("|")
        for piece in ([f"▁{first}"] if first else []) + rest:
            scores.setdefault(piece, _WHOLE)
    for letter in ["▁", *LETTERS]:
        scores.setdefault(letter, _LETTER)
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), unk_id=specials.index(UNK)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(" ", "removed"),
            pre_tokenizers.Metaspace(prepend_scheme="always", split=False),
            pre_tokenizers.Split(Regex(r"[.,:;!?\"'()\n]"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    mark = (BOS, specials.index(BOS)) if begin else (EOS, specials.index(EOS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A" if begin else f"$A {EOS}",
        pair=f"{BOS} $A $B" if begin else f"$A $B {EOS}",
        special_tokens=[mark],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        pad_token=PAD,
        bos_token=BOS if begin else None,
        eos_token=EOS,
        unk_token=UNK,
        additional_special_tokens=[s for s in specials if s not in (PAD, BOS, EOS, UNK)],
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left" if begin else "right",
        clean_up_tokenization_spaces=False,
    )
