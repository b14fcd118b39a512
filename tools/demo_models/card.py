"""The model card that lies beside each demo model."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured after the weights were stored and loaded again."""

    held_out: dict[str, tuple[int, int]]
    """Right predictions and examples per dependency, on held-out sentences that aren't shipped."""

    shipped: dict[str, tuple[int, int]]
    """The same on the shipped gold file."""

    occlusion: dict[str, tuple[int, int, int]]
    """Cue on top, cue or its company on top, examples: for the probability and leaving out one token."""

    contrast: dict[str, tuple[int, int, int]]
    """The same for the difference to the contrast word."""


def render_card(
    name: str,
    model: PreTrainedModel,
    *,
    summary: str,
    seed: int,
    updates: int,
    texts: int,
    measured: Measured,
) -> str:
    """``MODEL_CARD.md`` of the demo model ``name``."""
    config = model.config
    if config.is_encoder_decoder:
        shape = (
            f"{config.encoder_layers} encoder and {config.decoder_layers} decoder layers, width "
            f"{config.d_model}, {config.encoder_attention_heads} heads, feed-forward {config.encoder_ffn_dim}"
        )
    else:
        shape = (
            f"{config.num_hidden_layers} layers, width {config.hidden_size}, {config.num_attention_heads} "
            f"heads, feed-forward {config.intermediate_size}"
        )
    parameters = sum(weight.numel() for weight in model.parameters())
    lines = [
        f"# demo:{name}",
        "",
        summary,
        "",
        "| | |",
        "|---|---|",
        f"| architecture | `{type(model).__name__}`: {shape} |",
        f"| parameters | {parameters:,}, stored as float16, loaded as float32 |",
        f"| vocabulary | {config.vocab_size} pieces, chosen by hand |",
        f"| data | {texts:,} texts drawn from `tools/demo_models/grammar_{name}.py`; nothing else was read |",
        f"| training | {updates:,} updates of 64 texts, AdamW, seed {seed}, from random weights |",
        "| words left out | in some texts, one to three tokens or a random share of them are `<unk>` |",
        f"| again | `uv run python -m tools.demo_models.train --only {name}` |",
        "| licence | Apache-2.0, as the rest of the project |",
        "",
        "Share of held-out examples whose decided word is the most probable one, token by token, measured on",
        "the stored weights. One combination in eight (of name and state, of subject and attractor, ...) was",
        "kept out of training; these examples have such a combination. `gold.jsonl` is a part of its own.",
        "",
        "| dependency | held-out | shipped gold |",
        "|---|---|---|",
    ]
    for key in sorted(measured.held_out):
        shipped = _share(*measured.shipped[key]) if key in measured.shipped else "left out of the gold file"
        lines.append(f"| {key} | {_share(*measured.held_out[key])} | {shipped} |")
    lines += [
        "",
        "How often the cue is the token whose replacement by `<unk>` costs the decided word most, on the",
        "shipped gold. *Or company*: words that carry part of the same information count too (`also` in the",
        "gold file). *Contrast*: of the difference to the contrast word, instead of the log-probability alone.",
        "",
        "| dependency | cue on top | or company | contrast: cue on top | or company |",
        "|---|---|---|---|---|",
    ]
    for key in sorted(measured.occlusion):
        plain, contrast = measured.occlusion[key], measured.contrast[key]
        cells = [_share(plain[i], plain[2]) for i in (0, 1)] + [_share(contrast[i], contrast[2]) for i in (0, 1)]
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "It knows its grammar and nothing else: what it says about the world is worthless, and names and",
        "roles stand for no one.",
    ]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % ({part}/{whole})"
