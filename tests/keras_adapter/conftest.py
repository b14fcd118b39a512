"""The same small models twice: in KerasHub and in transformers, weights and vocabulary copied from one to the other."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("keras_hub") is None:
    pytest.skip("KerasHub is not installed: uv run --group keras pytest -m keras", allow_module_level=True)

import torch
import wherefrom
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from wherefrom.testing.conformance import TEXTS
from wherefrom_keras.adapter import load
from wherefrom_keras.backend import keras_hub

END = "<|endoftext|>"


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte pairs learnt from the texts of the conformance kit."""
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    learnt.train_from_iterator([" ".join(pair) for pair in TEXTS] * 4, trainer)
    told = json.loads(learnt.to_str())["model"]
    return told["vocab"], [tuple(one) if not isinstance(one, str) else tuple(one.split(" ")) for one in told["merges"]]


def tokenizers() -> tuple[Any, Any]:
    """Of KerasHub and of transformers."""
    vocab, merges = vocabulary()
    theirs = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=theirs, bos_token=END, eos_token=END, pad_token=END, unk_token=END)
    ours = keras_hub.tokenizers.GPT2Tokenizer(vocabulary=vocab, merges=[" ".join(one) for one in merges])
    return ours, fast


SIZE = 300
BOTH = {"vocab_size": SIZE, "bos_token_id": 0, "eos_token_id": 0, "attn_implementation": "eager"}


def gpt2() -> tuple[Any, Any]:
    torch.manual_seed(0)
    config = GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3, **BOTH)
    source = GPT2LMHeadModel(config).eval()
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=SIZE, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=64, max_sequence_length=64
    )
    weights = {name: one.detach().numpy() for name, one in source.transformer.state_dict().items()}
    backbone.token_embedding.embeddings.assign(weights["wte.weight"])
    backbone.position_embedding.position_embeddings.assign(weights["wpe.weight"])
    for index, layer in enumerate(backbone.transformer_layers):
        mine = {
            name.removeprefix(f"h.{index}."): one for name, one in weights.items() if name.startswith(f"h.{index}.")
        }
        attention = layer._self_attention_layer
        for dense, kernel, bias in zip(
            (attention.query_dense, attention.key_dense, attention.value_dense),
            np.split(mine["attn.c_attn.weight"], 3, axis=1),
            np.split(mine["attn.c_attn.bias"], 3),
            strict=True,
        ):
            dense.kernel.assign(kernel.reshape(dense.kernel.shape))
            dense.bias.assign(bias.reshape(dense.bias.shape))
        assigned(attention.output_dense, mine["attn.c_proj.weight"], mine["attn.c_proj.bias"])
        assigned(layer._feedforward_intermediate_dense, mine["mlp.c_fc.weight"], mine["mlp.c_fc.bias"])
        assigned(layer._feedforward_output_dense, mine["mlp.c_proj.weight"], mine["mlp.c_proj.bias"])
        normed(layer._self_attention_layer_norm, mine["ln_1.weight"], mine["ln_1.bias"])
        normed(layer._feedforward_layer_norm, mine["ln_2.weight"], mine["ln_2.bias"])
    normed(backbone.layer_norm, weights["ln_f.weight"], weights["ln_f.bias"])
    return keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=None), source


def llama() -> tuple[Any, Any]:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        rms_norm_eps=1e-6,
        initializer_range=0.3,
        tie_word_embeddings=False,
        **BOTH,
    )
    source = LlamaForCausalLM(config).eval()
    backbone = keras_hub.models.LlamaBackbone(
        vocabulary_size=SIZE,
        num_layers=2,
        num_query_heads=4,
        num_key_value_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        layer_norm_epsilon=1e-6,
    )
    weights = {name: one.detach().numpy() for name, one in source.state_dict().items()}
    backbone.token_embedding.embeddings.assign(weights["model.embed_tokens.weight"])
    backbone.token_embedding.reverse_embeddings.assign(weights["lm_head.weight"].T)
    for index, layer in enumerate(backbone.transformer_layers):
        begin = f"model.layers.{index}."
        mine = {name.removeprefix(begin): one for name, one in weights.items() if name.startswith(begin)}
        attention = layer._self_attention_layer
        for name in "qkvo":
            dense = {"q": "query", "k": "key", "v": "value", "o": "output"}[name]
            assigned(getattr(attention, f"_{dense}_dense"), mine[f"self_attn.{name}_proj.weight"].T)
        assigned(layer._feedforward_gate_dense, mine["mlp.gate_proj.weight"].T)
        assigned(layer._feedforward_intermediate_dense, mine["mlp.up_proj.weight"].T)
        assigned(layer._feedforward_output_dense, mine["mlp.down_proj.weight"].T)
        layer._self_attention_layernorm.scale.assign(mine["input_layernorm.weight"])
        layer._feedforward_layernorm.scale.assign(mine["post_attention_layernorm.weight"])
    backbone.layer_norm.scale.assign(weights["model.norm.weight"])
    return keras_hub.models.LlamaCausalLM(backbone=backbone, preprocessor=None), source


def assigned(dense: Any, kernel: Any, bias: Any = None) -> None:
    dense.kernel.assign(kernel.reshape(dense.kernel.shape))
    if bias is not None:
        dense.bias.assign(bias.reshape(dense.bias.shape))


def normed(norm: Any, scale: Any, shift: Any) -> None:
    norm.gamma.assign(scale)
    norm.beta.assign(shift)


MAKERS = {"gpt2": gpt2, "llama": llama}


def both(name: str) -> tuple[Any, Any]:
    ours, fast = tokenizers()
    task, source = MAKERS[name]()
    return load(task, tokenizer=ours), wherefrom.load_model(source, tokenizer=fast, device="cpu").adapter


@pytest.fixture(scope="session", params=MAKERS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """The same model as an adapter of KerasHub and as one of transformers."""
    return both(request.param)


@pytest.fixture(scope="session")
def gpt2_pair() -> tuple[Any, Any]:
    return both("gpt2")


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return tokenizers()[0]
