"""attribute-context here and in inseq 0.7.1: passes and CPU time, the same model and texts, in one run.

    uv run --with inseq==0.7.1 python benchmarks/context.py
    uv run --with inseq==0.7.1 python benchmarks/context.py --repeats 1 --model demo:lm

One thread, process CPU time, the two libraries alternating, medians. A pass is a call of the model's ``forward``,
counted by a hook; a token-forward is one position of one row, which is what a pass costs. All output tokens are
selected (threshold below every score), so that the cost of each further token shows.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import transformers
import wherefrom
from attrs import define
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel
from wherefrom.context import attribute_context
from wherefrom_hf.demo import demo_path

CONTEXT = "George was sick yesterday."
CURRENT = "His colleagues asked him to come"
OUTPUT = "to the hospital."
LONG = "The weather was nice. Nobody opened the window. George was sick yesterday. The meeting was long. " * 2
SAID = "to the hospital. The weather was nice. It rained all night. The streets were empty. The sun was shining."


@define
class Passes:
    """What a model was asked to run."""

    forwards: int = 0
    token_forwards: int = 0


@contextlib.contextmanager
def counted(model: torch.nn.Module) -> Iterator[Passes]:
    """Passes while the block runs."""
    tally = Passes()

    def note(_module: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        given = keywords.get("input_ids")
        given = keywords.get("inputs_embeds") if given is None else given
        given = arguments[0] if given is None else given
        tally.forwards += 1
        tally.token_forwards += int(given.shape[0] * given.shape[1])

    handle = model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield tally
    finally:
        handle.remove()


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU time of this process, and what came back."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def models(name: str) -> tuple[Any, Any]:
    """A model and its tokenizer: the demo's weights, or random ones in GPT-2 small's shape with the demo's texts."""
    folder = demo_path("lm")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if name == "demo:lm":
        return AutoModelForCausalLM.from_pretrained(folder).eval(), tokenizer
    torch.manual_seed(0)
    config = GPT2Config(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    module = GPT2LMHeadModel(config).eval()
    # of the 50,257 tokens only those the tokenizer can write are ever most likely
    module.transformer.wte.weight.data[len(tokenizer) :] = 0
    return module, tokenizer


def ours(model: wherefrom.AttributionModel, context: str, output: str) -> Any:
    """One call of the library."""
    return attribute_context(
        model,
        CURRENT,
        context,
        output=output,
        method="saliency",
        attributed_fn="contrast_prob_diff",
        context_sensitivity_std_threshold=-99.0,
    )


def theirs(model: Any, context: str, output: str) -> Any:
    """The same request to inseq."""
    from inseq.commands.attribute_context.attribute_context import (  # pyright: ignore[reportMissingImports]
        attribute_context_with_model,
    )
    from inseq.commands.attribute_context.attribute_context_args import (  # pyright: ignore[reportMissingImports]
        AttributeContextArgs,
    )

    arguments = AttributeContextArgs(
        model_name_or_path="given",
        attribution_method="saliency",
        attributed_fn="contrast_prob_diff",
        input_current_text=CURRENT,
        input_context_text=context.strip(),
        output_current_text=output,
        context_sensitivity_std_threshold=-99.0,
        show_viz=False,
        handle_output_context_strategy="auto",
    )
    with contextlib.redirect_stdout(io.StringIO()):
        return attribute_context_with_model(arguments, model)


def measure(name: str, case: str, context: str, output: str, repeats: int) -> dict[str, Any]:
    """Passes and CPU time of both on one example."""
    import inseq  # pyright: ignore[reportMissingImports]

    module, tokenizer = models(name)
    mine = wherefrom.load_model(module, tokenizer=tokenizer, device="cpu")
    other = inseq.load_model(module, "saliency", tokenizer=tokenizer, device="cpu")
    with counted(module) as passes_ours:
        result = ours(mine, context.strip(), output)
    with counted(module) as passes_theirs:
        reference = theirs(other, context, output)
    seconds_ours, seconds_theirs = [], []
    for _ in range(repeats):
        seconds_ours.append(cpu_seconds(lambda: ours(mine, context.strip(), output))[0])
        seconds_theirs.append(cpu_seconds(lambda: theirs(other, context, output))[0])
    return {
        "model": name,
        "case": case,
        "selected": len(result.selected),
        "inseq_selected": len(reference.cci_scores),
        "forwards": passes_ours.forwards,
        "inseq_forwards": passes_theirs.forwards,
        "token_forwards": passes_ours.token_forwards,
        "inseq_token_forwards": passes_theirs.token_forwards,
        "cpu_s": round(statistics.median(seconds_ours), 4),
        "inseq_cpu_s": round(statistics.median(seconds_theirs), 4),
        "ratio": round(statistics.median(b / a for a, b in zip(seconds_ours, seconds_theirs, strict=True)), 1),
        "median_difference_of_cues": difference(result, reference),
        "largest_sensitivity": float(np.max(result.cti_scores)),
        "inseq_largest_sensitivity": float(np.max(reference.cti_scores)),
    }


def difference(result: Any, reference: Any) -> float:
    """Difference of the cues' scores, as a part of each token's largest; the median over tokens that both selected.

    inseq lists the scores from the BOS token on and the tokens from the first word on, so that each score stands
    at the token behind its own; they are compared with the tokens they belong to.
    """
    known = {cue.cti_idx: cue for cue in reference.cci_scores}
    parts = []
    for cue in result.cci_scores:
        if cue.cti_idx in known:
            mine = np.array(cue.input_context_scores)[:-1]
            other = np.array(known[cue.cti_idx].input_context_scores)[1:]
            parts.append(np.abs(mine - other).max() / max(np.abs(mine).max(), 1e-30))
    return float(f"{np.median(parts):.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", choices=("demo:lm", "gpt2-small"), action="append")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    for name in arguments.model or ("demo:lm", "gpt2-small"):
        for case, context, output in (("short", CONTEXT, OUTPUT), ("long", LONG, SAID)):
            print(json.dumps(measure(name, case, context, output, arguments.repeats)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
