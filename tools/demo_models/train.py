"""Train the demo models and write them, their gold cues and their cards into the package.

    uv run python -m tools.demo_models.train              # both, ten to twenty minutes on one idle core
    uv run python -m tools.demo_models.train --only mt
    uv run python -m tools.demo_models.train --measure    # no training: gold and card of the stored weights

The same seed gives the same files on one machine; elsewhere the numbers differ in the last digits.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from wherefrom_hf.demo import DEMO_MODELS, demo_path

from . import grammar_lm, grammar_mt, lm, mt
from .card import Measured, render_card
from .evaluate import accuracy, occlusion_precision
from .gold import held_out_examples, write_gold
from .passages import Passage

SHIPPED_SEED, HELD_OUT_SEED = 2, 3
NOT_SHIPPED = frozenset({"copy_number"})
"""Dependencies that the model hasn't learnt well enough to be the ground truth; the card says how well."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that differs between the two models."""

    train: Callable[..., tuple[PreTrainedModel, PreTrainedTokenizerFast]]
    load: Callable[..., PreTrainedModel]
    rules: list[Callable[[random.Random], Passage]]
    updates: int
    texts: int
    shipped_each: int
    summary: str


RECIPES = {
    "lm": Recipe(
        train=lm.train,
        load=AutoModelForCausalLM.from_pretrained,
        rules=list(grammar_lm.RULES),
        updates=5000,
        texts=160_000,
        shipped_each=50,
        summary="A language model of short English texts in which it is known what decides a word.",
    ),
    "mt": Recipe(
        train=mt.train,
        load=AutoModelForSeq2SeqLM.from_pretrained,
        rules=list(grammar_mt.RULES),
        updates=4000,
        texts=120_000,
        shipped_each=43,
        summary="A translator from plain English to plain French that knows where each word comes from.",
    ),
}


def make(name: str, folder: Path, *, seed: int) -> None:
    """Train the model ``name`` and store its weights, in float16, and its tokenizer in ``folder``."""
    recipe = RECIPES[name]
    model, tokenizer = recipe.train(seed=seed, updates=recipe.updates, texts=recipe.texts)
    model.config.dtype = torch.float32  # what the float16 weights become when they are loaded
    state = {key: weight.half() for key, weight in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=state)
    tokenizer.save_pretrained(folder)
    settings = folder / "tokenizer_config.json"
    kept = {k: v for k, v in json.loads(settings.read_text()).items() if k not in ("is_local", "local_files_only")}
    settings.write_text(json.dumps(kept, indent=2) + "\n")
    for path in folder.iterdir():
        path.chmod(0o644)


def measure(name: str, folder: Path, *, seed: int) -> None:
    """Write the gold cues and the card of the stored model ``name``."""
    recipe = RECIPES[name]
    model = recipe.load(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    drawn = held_out_examples(recipe.rules, each=recipe.shipped_each, seed=SHIPPED_SEED)
    shipped = sorted((e for e in drawn if e.dependency not in NOT_SHIPPED), key=lambda e: e.id)
    write_gold(shipped, folder / "gold.jsonl")
    measured = Measured(
        held_out=accuracy(model, tokenizer, list(held_out_examples(recipe.rules, each=500, seed=HELD_OUT_SEED))),
        shipped=accuracy(model, tokenizer, shipped),
        occlusion=occlusion_precision(model, tokenizer, shipped, contrastive=False),
        contrast=occlusion_precision(model, tokenizer, shipped, contrastive=True),
    )
    card = render_card(
        name,
        model,
        summary=recipe.summary,
        seed=seed,
        updates=recipe.updates,
        texts=recipe.texts,
        measured=measured,
    )
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    print(card)


def main() -> None:
    """Parse the arguments and do the work."""
    parser = argparse.ArgumentParser(description="Train the demo models.")
    parser.add_argument("--only", choices=DEMO_MODELS, help="one model instead of both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder to write to instead of the package")
    parser.add_argument("--measure", action="store_true", help="don't train; measure the stored weights")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in [arguments.only] if arguments.only else DEMO_MODELS:
        folder = (arguments.out / name) if arguments.out else demo_path(name)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        if not arguments.measure:
            print(f"demo:{name}", flush=True)
            make(name, folder, seed=arguments.seed)
        measure(name, folder, seed=arguments.seed)
        print(f"demo:{name} done in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
