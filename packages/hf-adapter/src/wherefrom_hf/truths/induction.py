"""An induction head with chosen weights, as a GPT-2: for methods that look into a transformer's parts.

The residual stream has room for the present token, the token before, the place, and what is to be said. Whatever
stands in it at one depth has the same mean and variance everywhere, so the weights of each norm undo it exactly.
"""

from __future__ import annotations

import math
from functools import cache
from typing import cast

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2Block
from wherefrom.evaluation.verify.induction import PROMPT, Induction

from wherefrom_hf._model import HFModel
from wherefrom_hf.adapter import load

SPECIAL = ("<pad>", "</s>", "<unk>")
LENGTH = 32
SHARPNESS = 40.0
"""Lead of the wanted key before the softmax."""
STRENGTH = 8.0
"""The logit of what is said."""


@cache
def induction_gpt2() -> HFModel:
    """Two layers: the first copies the token before, the second finds where it stood before and says what followed."""
    words = [*SPECIAL, *dict.fromkeys(PROMPT.split())]
    size = len(words)
    token, before, said = slice(0, size), slice(size, 2 * size), slice(2 * size, 3 * size)
    place = slice(3 * size, 3 * size + LENGTH)
    width = 3 * size + LENGTH
    config = GPT2Config(
        vocab_size=size,
        n_positions=LENGTH,
        n_embd=width,
        n_layer=2,
        n_head=1,
        n_inner=1,
        tie_word_embeddings=False,
        bos_token_id=None,
        pad_token_id=0,
        eos_token_id=1,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    model = GPT2LMHeadModel(config).eval()
    gain = math.sqrt(SHARPNESS * math.sqrt(width))

    def moving(read: slice, written: slice, *, offset: int = 0) -> Tensor:
        weights = torch.zeros(width, width)
        weights[read, written] = torch.diag_embed(torch.ones(read.stop - read.start - abs(offset)), offset=offset)
        return weights

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.transformer.wte.weight[:, token] = torch.eye(size)
        model.transformer.wpe.weight[:, place] = torch.eye(LENGTH)
        first, second = (cast(GPT2Block, block) for block in model.transformer.h)
        _attend(first.attn, gain * moving(place, place, offset=-1), gain * moving(place, place), moving(token, before))
        _attend(second.attn, gain * moving(token, token), gain * moving(before, token), moving(token, said))
        for norm, ones in ((first.ln_1, 2), (first.ln_2, 3), (second.ln_1, 3), (second.ln_2, 4)):
            _undo(norm, ones, width)
        _undo(model.transformer.ln_f, 4, width)
        model.lm_head.weight[:, said] = STRENGTH * torch.eye(size)
    return load(model, tokenizer=_tokenizer(words), device="cpu")


def _attend(attention: GPT2Attention, query: Tensor, key: Tensor, value: Tensor) -> None:
    attention.c_attn.weight.copy_(torch.cat([query, key, value], dim=1))
    attention.c_proj.weight.copy_(torch.eye(len(query)))


def _undo(norm: nn.LayerNorm, ones: int, width: int) -> None:
    """Weights that turn a vector of so many ones, normalised, back into itself."""
    mean = ones / width
    norm.weight.fill_(math.sqrt(mean - mean**2 + norm.eps))
    norm.bias.fill_(mean)


def _tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    pad, end, unknown = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, eos_token=end, unk_token=unknown, name_or_path="induction head"
    )


INDUCTION = Induction(make=induction_gpt2)
