"""Settings that somebody may choose who is not trusted: a project's file, a visitor of the playground."""

from __future__ import annotations

HARMLESS_WORDS = frozenset(
    {
        "units", "baseline", "baselines", "n_samples", "n_steps", "quadrature", "method", "strategy", "heads",
        "feed_forward", "index", "target_layer", "surrogate", "of", "similarity_metric", "unit", "output",
        "encoder_zeroed_units_indices", "decoder_zeroed_units_indices", "cross_zeroed_units_indices",
    }
)  # fmt: skip
"""Settings of methods and step functions that may be a text, a list or a table. Numbers and switches are harmless
everywhere; another text may name a folder to write tables to, a file of weights or a second model to load."""


def reaches_out(setting: str, value: object) -> bool:
    """Could the value name a place to write, a file, or a model to load?"""
    return setting not in HARMLESS_WORDS and not (value is None or isinstance(value, bool | int | float))
