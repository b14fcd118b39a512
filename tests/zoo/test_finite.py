"""No score that is not a number passes without a word, on hybrids and mixtures of experts as well."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import wherefrom
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast
from wherefrom.errors import WherefromError
from wherefrom.methods.contract import METHODS

from tests.hf_adapter.test_finite import finite_or_said
from tests.laws.claims import CLAIMS
from tests.zoo.families import VOCABULARY, build

FAMILIES = (
    "qwen3_next", "qwen3_5_text", "llama4_text", "phimoe", "mixtral", "mamba2", "bamba", "falcon_h1", "nemotron_h",
    "jamba", "recurrent_gemma",
)  # fmt: skip
BASELINES = ("zero", "mean", "unk")
QUICK: dict[str, dict[str, Any]] = {"integrated_gradients": {"max_points": 7}, "reagent": {"max_probe_steps": 3}}
"""Of those whose settings for the laws are not quick enough here."""


def words() -> PreTrainedTokenizerFast:
    """A word for every id."""
    names = ["<pad>", "</s>", "<s>", "<unk>", *(f"w{index}" for index in range(4, VOCABULARY))]
    tokenizer = Tokenizer(WordLevel({name: index for index, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", bos_token="<s>", unk_token="<unk>"
    )


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_is_finite_or_says_so(family: str) -> None:
    torch.set_num_threads(1)
    try:
        model = wherefrom.load_model(build(family), tokenizer=words(), device="cpu")
    except WherefromError as refusal:
        pytest.skip(f"refused: {refusal}")
    layer = next(name for name, part in model.module.named_modules() if name.endswith("layers.1"))
    for name in METHODS:
        settings = {**CLAIMS[name].settings, **QUICK.get(name, {})} if name in CLAIMS else {}
        if name.startswith("layer"):
            settings = {**settings, "target_layer": layer}
        takes = any(one.name == "baseline" for one in METHODS.get(name).__attrs_attrs__)  # type: ignore[attr-defined]
        for baseline in BASELINES if takes else (None,):
            more = {} if baseline is None else {"baseline": baseline}
            finite_or_said(model, name, text="w5 w6 w7", target="w5 w6 w7 w8 w9", **{**settings, **more})
