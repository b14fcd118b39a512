"""Tiny models with random weights, one per way in which transformers writes attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import transformers
from attrs import evolve
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS

_LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
}
_BART = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": None,
}
_T5 = {"d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
_NEOX = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}

_BERT = {
    "model_type": "bert",
    "vocab_size": 40,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 4}),
    "llama": ("LlamaForCausalLM", _LLAMA),
    "qwen2": ("Qwen2ForCausalLM", _LLAMA),
    "qwen3": ("Qwen3ForCausalLM", _LLAMA),
    "mistral": ("MistralForCausalLM", {**_LLAMA, "sliding_window": 3}),
    "gemma2": ("Gemma2ForCausalLM", {**_LLAMA, "sliding_window": 3}),
    "gemma3": ("Gemma3ForCausalLM", {**_LLAMA, "sliding_window": 3}),
    "olmo2": ("Olmo2ForCausalLM", _LLAMA),
    "mixtral": ("MixtralForCausalLM", {**_LLAMA, "num_local_experts": 3, "num_experts_per_tok": 2}),
    "granite": ("GraniteForCausalLM", {**_LLAMA, "residual_multiplier": 0.3, "attention_multiplier": 0.4}),
    "cohere": ("CohereForCausalLM", _LLAMA),
    "gpt_oss": (
        "GptOssForCausalLM",
        {**_LLAMA, "num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": 3},
    ),
    "deepseek_v3": (
        "DeepseekV3ForCausalLM",
        {
            **_LLAMA,
            "num_key_value_heads": 4,
            "q_lora_rank": 8,
            "kv_lora_rank": 8,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 4,
            "v_head_dim": 4,
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 8,
            "first_k_dense_replace": 1,
        },
    ),
    "phi": ("PhiForCausalLM", {**_NEOX, "partial_rotary_factor": 0.5}),
    "gpt_neox": ("GPTNeoXForCausalLM", _NEOX),
    "opt": (
        "OPTForCausalLM",
        {
            "hidden_size": 16,
            "ffn_dim": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "word_embed_proj_dim": 16,
            "max_position_embeddings": 32,
        },
    ),
    "biogpt": ("BioGptForCausalLM", _NEOX),
    "xglm": ("XGLMForCausalLM", {"d_model": 16, "ffn_dim": 24, "num_layers": 2, "attention_heads": 4}),
    "bloom": ("BloomForCausalLM", {"hidden_size": 16, "n_layer": 2, "n_head": 4}),
    "mpt": ("MptForCausalLM", {"d_model": 16, "n_layers": 2, "n_heads": 4}),
    "openai-gpt": ("OpenAIGPTLMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 4}),
    "gptj": ("GPTJForCausalLM", {"n_embd": 16, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 32}),
    "gpt_neo": (
        "GPTNeoForCausalLM",
        {
            "hidden_size": 16,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 3,
            "max_position_embeddings": 32,
        },
    ),
    "falcon": ("FalconForCausalLM", {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}),
    "bart": ("BartForConditionalGeneration", _BART),
    "marian": ("MarianMTModel", {**_BART, "decoder_vocab_size": 40, "scale_embedding": True}),
    "mbart": ("MBartForConditionalGeneration", _BART),
    "m2m_100": ("M2M100ForConditionalGeneration", _BART),
    "pegasus": ("PegasusForConditionalGeneration", _BART),
    "t5": ("T5ForConditionalGeneration", _T5),
    "mt5": ("MT5ForConditionalGeneration", {**_T5, "feed_forward_proj": "gated-gelu"}),
}
UNUSUAL: dict[str, tuple[str, dict[str, Any]]] = {
    "ctrl": ("CTRLLMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 4, "dff": 24}),  # scales embeddings in place
    "roberta": ("RobertaForCausalLM", {**_NEOX, "is_decoder": True}),  # counts positions from behind its padding's
    "falcon-alibi": ("FalconForCausalLM", {**_NEOX, "alibi": True}),
    "opt-post-norm": (
        "OPTForCausalLM",
        {
            "hidden_size": 16,
            "ffn_dim": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "word_embed_proj_dim": 8,
            "do_layer_norm_before": False,
        },
    ),
    "mamba": ("MambaForCausalLM", {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2}),  # no keys to keep
    "recurrent_gemma": (
        "RecurrentGemmaForCausalLM",
        {**_LLAMA, "lru_width": 16, "attention_window_size": 4, "num_hidden_layers": 3},
    ),
    "led": ("LEDForConditionalGeneration", {**_BART, "attention_window": [4, 4]}),  # pads its source
    "switch": ("SwitchTransformersForConditionalGeneration", {**_T5, "num_decoder_layers": 3, "num_experts": 2}),
    "nllb_moe": (
        "NllbMoeForConditionalGeneration",
        {**_BART, "num_experts": 2, "encoder_sparse_step": 2, "decoder_sparse_step": 2},
    ),
    "encoder-decoder": (  # projects what its encoder gives to another width
        "EncoderDecoderModel",
        {
            "encoder": {**_BERT, "hidden_size": 12},
            "decoder": {**_BERT, "hidden_size": 16, "is_decoder": True, "add_cross_attention": True},
            "decoder_start_token_id": 0,
        },
    ),
}
"""Models that do something of their own around what the others share."""
ENCODER_DECODERS = (
    "bart",
    "marian",
    "mbart",
    "m2m_100",
    "pegasus",
    "t5",
    "mt5",
    "led",
    "switch",
    "nllb_moe",
    "encoder-decoder",
)


def build(name: str, *, attention: str | None = None, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The model called ``name``, its weights drawn large enough that nothing is negligible."""
    class_name, settings = (CONFIGS | UNUSUAL)[name]
    model_class = getattr(transformers, class_name)
    torch.manual_seed(0)
    settings = {"vocab_size": 40, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, **settings}
    config = model_class.config_class(**settings)
    if attention is not None:
        config._attn_implementation = attention
    model = model_class(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3) if parameter.ndim > 1 else parameter.add_(0.2 * torch.randn_like(parameter))
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    return model.to(dtype).eval()


def of_logits(row: Row) -> Row:
    """A row with a target function: the logit of each of its tokens."""
    function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=row.target_ids[row.steps])
    return evolve(row, target_function=function)


def rows_for(name: str, lengths: tuple[tuple[int, int], ...] = ((5, 6), (7, 4), (3, 8))) -> list[Row]:
    """Rows of (source, target) lengths, every step of the target asked for; random tokens that are never special."""
    random = np.random.default_rng(1)
    rows = []
    for source, target in lengths:
        ids = random.integers(3, 40, target)
        source_ids = random.integers(3, 40, source) if name in ENCODER_DECODERS else None
        rows.append(Row(target_ids=ids, steps=np.arange(1, target), source_ids=source_ids))
    return rows
