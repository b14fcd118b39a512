"""Vectors of tokens from a sentence encoder, to align texts by meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer
from wherefrom.errors import ModelLoadError
from wherefrom.text.places import joined_text
from wherefrom.text.segmentation import end_with_bytes
from wherefrom.text.tokens import Token


@lru_cache(maxsize=1)
def load_encoder(name: str) -> tuple[Any, Any]:
    """Tokenizer and model of a sentence encoder, kept while the same one is asked for.

    Raises:
        ModelLoadError: It cannot be had, or its tokenizer does not tell where in the text its pieces stand.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModel.from_pretrained(name).eval()
    except (OSError, ValueError) as error:
        raise ModelLoadError(
            f"The sentence encoder {name!r} could not be loaded: {error} "
            "Give a folder with a model and its fast tokenizer, or align with 'auto', by the model's own embeddings."
        ) from error
    if not tokenizer.is_fast:
        raise ModelLoadError(
            f"The tokenizer of {name!r} gives no character offsets. Choose an encoder with a fast tokenizer."
        )
    return tokenizer, model


def token_vectors(tokens: Sequence[Token], *, encoder: str) -> Tensor:
    """See `wherefrom.text.token_vectors.EncodesTokens`.

    A token's vector is the mean over the encoder's pieces that share characters with it, two thirds up the encoder's
    layers, where vectors of translated or paraphrased words are closest. All tokens of a character have one vector.
    """
    tokenizer, model = load_encoder(encoder)
    text, begins = joined_text(tokens)
    encoded = tokenizer(text, return_tensors="pt", return_offsets_mapping=True, truncation=False, verbose=False)
    offsets = encoded.pop("offset_mapping")[0]
    with torch.no_grad():
        states = model(**encoded, output_hidden_states=True).hidden_states
    layer = states[math.ceil((len(states) - 1) * 2 / 3)][0]
    edges = [*begins.tolist(), len(text)]
    ends = torch.tensor(edges[1:])
    starts = torch.tensor([stop - len(text[start:stop].lstrip()) for start, stop in pairwise(edges)])
    share = (offsets[None, :, 0] < ends[:, None]) & (offsets[None, :, 1] > starts[:, None])
    share &= (offsets[:, 1] > offsets[:, 0])[None, :]
    for index in range(len(tokens)):
        share[index + 1 : end_with_bytes(tokens, index)] = share[index]
    weights = share.to(layer.dtype)
    mean: Tensor = weights @ layer / weights.sum(dim=1, keepdim=True).clamp(min=1)
    return mean
