"""Tiny random models of every class that transformers maps to causal or seq2seq language models.

Nothing is downloaded: a configuration is shrunk by what its settings are called, and weights are random.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING

M = TypeVar("M", bound=torch.nn.Module)

VOCABULARY = 64
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "d_model": 32, "n_embd": 32, "dim": 32, "embed_dim": 32,
    "embedding_size": 32, "word_embed_proj_dim": 32, "intermediate_size": 48, "ffn_dim": 48, "d_ff": 48, "n_inner": 48,
    "ffn_hidden_size": 48, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "dim_feedforward": 48, "dim_ff": 48,
    "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "moe_shared_expert_intermediate_size": 16,
    "expert_ffn_size": 16, "shared_intermediate_size": 16, "intermediate_size_mlp": 48, "expert_dim": 16,
    "num_hidden_layers": 2, "n_layer": 2, "num_layers": 2, "n_layers": 2, "encoder_layers": 2, "decoder_layers": 2,
    "num_decoder_layers": 2, "num_encoder_layers": 2, "num_attention_heads": 4, "n_head": 4, "n_heads": 4,
    "num_heads": 4, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "num_decoder_attention_heads": 4,
    "num_encoder_attention_heads": 4, "num_key_value_heads": 2, "n_kv_heads": 2, "num_kv_heads": 2, "head_dim": 8,
    "kv_channels": 8, "d_kv": 8, "attention_head_size": 8, "max_position_embeddings": 128, "n_positions": 128,
    "n_ctx": 128, "max_sequence_length": 128, "max_seq_len": 128, "sliding_window": 16, "attention_window": 16,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 8,
    "index_topk": 8, "index_n_heads": 8, "index_head_dim": 16, "n_routed_experts": 4, "num_experts": 4,
    "num_local_experts": 4, "moe_num_experts": 4, "n_shared_experts": 1, "num_shared_experts": 1,
    "moe_num_shared_experts": 1, "num_experts_per_tok": 2, "num_experts_per_token": 2, "moe_topk": 2, "moe_k": 2,
    "n_group": 2, "topk_group": 1,
    "first_k_dense_replace": 1, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1,
    "mamba_num_heads": 4, "mamba_head_dim": 16, "ssm_state_size": 8, "state_size": 8, "n_groups": 1, "conv_kernel": 4,
    "mamba_dt_rank": 4, "mamba_expand": 2, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "linear_key_head_dim": 8, "linear_value_head_dim": 8, "lru_width": 32, "attention_hidden_size": 32,
    "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": VOCABULARY, "num_kv_shared_layers": 0,
    "laurel_rank": 4, "altup_num_inputs": 2, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
    "decoder_start_token_id": 0, "chunk_size": 8, "mamba_chunk_size": 8, "time_step_rank": 4, "d_inner": 48,
    "num_buckets": 8, "relative_attention_num_buckets": 8, "forced_eos_token_id": None, "forced_bos_token_id": None,
}  # fmt: skip
"""Setting to a small value, for every configuration that has it."""

_LATENT = {"num_key_value_heads": 4}
"""Latent attention makes a key for every head."""

OF_ITS_OWN: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("axk1", "axk2", "bailing_hybrid", "deepseek_v2", "deepseek_v3", "glm4_moe_lite", "kimi_linear",
         "longcat_flash", "minicpm3", "youtu"), _LATENT,
    ),
    "deepseek_v32": {"head_dim": 8, "index_head_dim": 16, "qk_rope_head_dim": 8, "num_key_value_heads": 4},
    "glm_moe_dsa": {"head_dim": 8, "num_key_value_heads": 4},
    "dots3_note_text": {"num_key_value_heads": 4},
    "falcon_h1": {"mamba_d_ssm": 64},
    "mamba2": {"num_heads": 4, "head_dim": 16, "expand": 2, "n_groups": 1},
    "zaya": {"num_experts_per_tok": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "attention_layers": ["global", "local"]},
    "reformer": {"axial_pos_embds_dim": [16, 16], "axial_pos_shape": [8, 16]},
    "codegen": {"rotary_dim": 4},
    "gptj": {"rotary_dim": 4},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "bamba": {"attn_layer_indices": [1]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "jamba": {"attn_layer_offset": 1, "attn_layer_period": 2, "expert_layer_offset": 1, "expert_layer_period": 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "dbrx": {"attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
             "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2,
                            "ffn_act_fn": {"name": "silu"}}},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "attention_window_size": 16},
}  # fmt: skip
"""What some families need beside."""


_LOOKING: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip
"""What reads pictures, where there is such a part."""


def _gemma3(kind: Any) -> PreTrainedConfig:
    text = shrunk(kind.sub_configs["text_config"]).to_dict()
    pictures = {"mm_tokens_per_image": 4, "image_token_index": 62, "boi_token_index": 61, "eoi_token_index": 60}
    return kind(text_config=text, vision_config=_LOOKING, **pictures)


def _got_ocr2(kind: Any) -> PreTrainedConfig:
    looking = {"hidden_size": 16, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    looking |= {"image_size": 64, "patch_size": 16, "mlp_dim": 16, "window_size": 2, "global_attn_indexes": [0]}
    text = shrunk(transformers.Qwen2Config).to_dict()
    return kind(text_config=text, vision_config=looking, image_token_index=62)


def _qwen4_exp(kind: Any) -> PreTrainedConfig:
    names = (
        "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
        "moe_intermediate_size", "shared_expert_intermediate_size", "num_experts", "num_experts_per_tok",
        "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
        "pad_token_id", "bos_token_id", "eos_token_id", "max_position_embeddings",
    )  # fmt: skip
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0, "mrope_section": [2, 1, 1]}
    streams = {"hc_lowrank": 4, "hc_count": 2, "ple_layer_ids": [1], "ngram_vocab_size_base": 50, "heads_per_ngram": 2}
    streams |= {"split_ngram_parts": 1, "make_ngram_vocab_size_divisible_by": 8}
    indexer = {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 16}
    return kind(
        **{name: SMALL[name] for name in names}, **streams, **indexer, indexer_compress_ratio=4, rope_parameters=rope,
        layer_types=["linear_attention", "indexed_attention"],
    )  # fmt: skip


def _blt(kind: Any) -> PreTrainedConfig:
    part = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4, "num_hidden_layers": 1}
    part |= {"intermediate_size": 48, "vocab_size": 260, "max_position_embeddings": 128, "head_dim": 8}
    local = {**part, "hidden_size_global": 32}
    return kind(
        vocab_size=260, max_position_embeddings=128, patch_in_forward=True, patch_size=4, patcher_config=part,
        encoder_config=local, decoder_config=local, global_config=part, encoder_hash_byte_group_size=[3],
        encoder_hash_byte_group_vocab=50, encoder_hash_byte_group_nb_functions=1,
    )  # fmt: skip


def _zamba2(kind: Any) -> PreTrainedConfig:
    return kind(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=4, mamba_d_state=8, mamba_d_conv=4, mamba_expand=2,
        layers_block_type=["mamba", "hybrid", "mamba", "hybrid"], mamba_ngroups=1, n_mamba_heads=4,
        num_attention_heads=4, num_key_value_heads=4, num_mem_blocks=1, intermediate_size=48, attention_head_dim=16,
        attention_hidden_size=64, chunk_size=8, max_position_embeddings=128,
    )  # fmt: skip


def _t5gemma2(kind: Any) -> PreTrainedConfig:
    reading, saying = kind.sub_configs["encoder"], kind.sub_configs["decoder"]
    pictures = {"image_token_index": 62, "eoi_token_index": 60}
    encoder = reading(
        text_config=shrunk(reading.sub_configs["text_config"]).to_dict(),
        vision_config={"model_type": "siglip_vision_model", **_LOOKING},
        **{"mm_tokens_per_image": 4, "boi_token_index": 61, **pictures},
    )
    return kind(encoder=encoder.to_dict(), decoder=shrunk(saying).to_dict(), **pictures)


def _encoder_decoder(kind: Any) -> PreTrainedConfig:
    names = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "pad_token_id",
        "bos_token_id", "eos_token_id", "max_position_embeddings",
    )  # fmt: skip
    small = {name: SMALL[name] for name in names}
    encoder = transformers.BertConfig(**{**small, "hidden_size": 48})
    decoder = transformers.BertConfig(**small, is_decoder=True, add_cross_attention=True)
    both: PreTrainedConfig = kind.from_encoder_decoder_configs(encoder, decoder)
    both.decoder_start_token_id, both.pad_token_id = 2, 0
    return both


WHOLE: dict[str, Callable[[Any], PreTrainedConfig]] = {
    "gemma3": _gemma3, "got_ocr2": _got_ocr2, "qwen4_exp_text": _qwen4_exp, "blt": _blt, "zamba2": _zamba2,
    "t5gemma2": _t5gemma2, "encoder-decoder": _encoder_decoder,
}  # fmt: skip
"""Families whose settings do not shrink by their names: from the kind of configuration to a small one."""


def shrunk(kind: type[PreTrainedConfig]) -> PreTrainedConfig:
    """A configuration with its known settings made small; those inside of it likewise."""
    if kind.model_type in WHOLE:
        return WHOLE[kind.model_type](kind)
    default = kind()
    values = {name: value for name, value in SMALL.items() if name in default.__dict__ or name in default.attribute_map}
    for name, inner in kind.sub_configs.items():
        if isinstance(inner, type) and inner is not PreTrainedConfig and "Auto" not in inner.__name__:
            values[name] = shrunk(inner).to_dict()
    types = default.__dict__.get("layer_types")
    if types:
        values["layer_types"] = sorted(set(types), key=types.index)
        for name in ("num_hidden_layers", "num_layers", "n_layer"):
            if name in values:
                values[name] = max(2, len(values["layer_types"]))
        if len(values["layer_types"]) == 1:
            values["layer_types"] *= 2
    values |= OF_ITS_OWN.get(kind.model_type, {})
    rope = default.__dict__.get("rope_parameters")
    if isinstance(rope, dict) and "mrope_section" in rope:
        values["rope_parameters"] = {**rope, "mrope_section": [2, 1, 1]}
    if "is_decoder" in inspect.signature(kind.__init__).parameters or "bert" in kind.__name__.lower():
        values["is_decoder"] = True
    if "causal" in default.__dict__:
        values["causal"] = True
    return kind(**values)


@cache
def classes() -> dict[str, tuple[type[PreTrainedConfig], type[PreTrainedModel]]]:
    """Name of the family to configuration and model class; both mappings, seq2seq ones with ``-seq2seq``."""
    found = {}
    for mapping, ending in ((MODEL_FOR_CAUSAL_LM_MAPPING, ""), (MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, "-seq2seq")):
        for config, model in mapping.items():
            one = model[0] if isinstance(model, tuple) else model
            own = one.config_class  # of a model of several kinds of input, the part that makes text
            found[config.model_type + ending] = (own if own in config.sub_configs.values() else config, one)
    return found


def build(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The tiny model of a family, the same at every call."""
    config, model = classes()[name]
    torch.manual_seed(0)
    module = drawn(model(shrunk(config)).to(dtype), 0.2, seed=1)
    for name, table in module.named_buffers():
        if name.endswith("tid2eid"):  # which experts an id goes to: the same for all, as long as it is not filled
            table.copy_((torch.arange(len(table))[:, None] + torch.arange(table.shape[1])) % SMALL["n_routed_experts"])
    return module


def drawn(module: M, std: float, *, seed: int) -> M:
    """The module, to be evaluated, with its matrices drawn from a normal distribution around 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, std, generator=generator)
    return module.eval()
