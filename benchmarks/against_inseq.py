"""wherefrom and inseq 0.7.1 side by side: the same model, the same texts, the same work, in one run.

    uv run --with inseq==0.7.1 python benchmarks/against_inseq.py                # the table of the README
    uv run --with inseq==0.7.1 python benchmarks/against_inseq.py saliency-16    # some cases only
    uv run --with inseq==0.7.1 python benchmarks/against_inseq.py --list

One thread, process CPU time, the two libraries alternating, the median of the ratios. Models have random weights in
the shape of GPT-2 small (12 layers, 768 wide, 50,257 tokens) and of a Marian translator (6 + 6 layers, 512 wide,
58,101 tokens), so nothing is downloaded. Scores are compared as well: speed-ups of other numbers are worth nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import wherefrom
from attrs import field, frozen
from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel, MarianConfig, MarianMTModel
from wherefrom_hf.demo import demo_path

Score = np.ndarray


@frozen(kw_only=True)
class Case:
    """One method at one length, with both libraries' arguments."""

    name: str
    method: str
    steps: int
    prompt: int = 32
    model: str = "gpt2-small"
    ours: dict[str, Any] = field(factory=dict)
    theirs: dict[str, Any] = field(factory=dict)
    goal: float | None = None
    cold: bool = False
    """Time the first attribution of a model, loading included: for methods that prepare something for it."""
    comparable: str = "signed"
    """How scores are compared: ``signed``, ``absolute`` (theirs drops the sign), ``loose``, ``no`` (other rule)."""
    note: str = ""


CASES = [
    Case(name="saliency-16", method="saliency", steps=16, goal=3),
    Case(name="saliency-64", method="saliency", steps=64, goal=3),
    Case(name="input_x_gradient-16", method="input_x_gradient", steps=16, goal=3),
    Case(
        name="integrated_gradients-equal-16",
        method="integrated_gradients",
        steps=16,
        ours={"n_steps": 20},
        theirs={"n_steps": 20},
        goal=1.9,
        note="20 Gauss-Legendre points each",
    ),
    Case(
        name="integrated_gradients-equal-64",
        method="integrated_gradients",
        steps=64,
        ours={"n_steps": 4},
        theirs={"n_steps": 4},
        goal=1.9,
        note="4 Gauss-Legendre points each: at 20, inseq needs ten minutes",
    ),
    Case(
        name="integrated_gradients-defaults-16",
        method="integrated_gradients",
        steps=16,
        goal=5,
        comparable="no",
        note="ours: gap <= 1 %; inseq: 50 points",
    ),
    Case(
        name="integrated_gradients-defaults-64",
        method="integrated_gradients",
        steps=64,
        goal=5,
        comparable="no",
        note="ours: gap <= 1 %; inseq: 50 points",
    ),
    Case(
        name="gradient_shap-16",
        method="gradient_shap",
        steps=16,
        ours={"n_samples": 5},
        theirs={"n_samples": 5},
        goal=2,
        comparable="no",
        note="5 samples each; random",
    ),
    Case(
        name="deeplift-16",
        method="deeplift",
        steps=16,
        goal=2,
        comparable="no",
        note="ours applies the rescale rule, inseq's is inert",
    ),
    Case(
        name="sequential-8",
        method="sequential_integrated_gradients",
        steps=8,
        prompt=12,
        ours={"n_steps": 2},
        theirs={"n_steps": 2},
        goal=3,
        note="reduced: prompt 12, 8 steps, 2 points; at full size inseq needs hours",
    ),
    Case(
        name="discretized-cold-16",
        method="discretized_integrated_gradients",
        steps=16,
        ours={"n_steps": 5},
        theirs={"n_steps": 5},
        goal=20,
        cold=True,
        comparable="no",
        note="5 points; a model's first attribution, neighbours of words included",
    ),
    Case(
        name="discretized-16",
        method="discretized_integrated_gradients",
        steps=16,
        ours={"n_steps": 5},
        theirs={"n_steps": 5},
        comparable="no",
        note="5 points; neighbours of words known already",
    ),
    Case(
        name="occlusion-16",
        method="occlusion",
        steps=16,
        ours={"baseline": "unk", "keep_special": False},
        goal=25,
        comparable="absolute",
        note="both replace by the unknown token",
    ),
    Case(
        name="lime-16",
        method="lime",
        steps=16,
        ours={"n_samples": 50},
        theirs={"n_samples": 50},
        goal=20,
        comparable="no",
        note="50 samples each",
    ),
    Case(
        name="value_zeroing-16",
        method="value_zeroing",
        steps=16,
        model="bloom",
        goal=8,
        comparable="loose",
        note="BLOOM of the same shape: inseq's fails on GPT-2",
    ),
    Case(name="attention-16", method="attention", steps=16, goal=1.3),
    Case(name="marian-saliency-16", method="saliency", steps=16, model="marian", goal=4, note="source 32, with prefix"),
    Case(name="smollm2-saliency-8", method="saliency", steps=8, prompt=24, model="smollm2"),
    Case(name="smollm2-input_x_gradient-8", method="input_x_gradient", steps=8, prompt=24, model="smollm2"),
    Case(
        name="smollm2-integrated_gradients-equal-8",
        method="integrated_gradients",
        steps=8,
        prompt=24,
        model="smollm2",
        ours={"n_steps": 15, "keep_special": False},
        theirs={"n_steps": 15},
        note="15 Gauss-Legendre points each",
    ),
    Case(
        name="smollm2-integrated_gradients-defaults-8",
        method="integrated_gradients",
        steps=8,
        prompt=24,
        model="smollm2",
        comparable="no",
        note="ours: gap <= 1 % or 63 points; inseq: 50 points",
    ),
    Case(
        name="smollm2-occlusion-8",
        method="occlusion",
        steps=8,
        prompt=24,
        model="smollm2",
        comparable="no",
        note="ours deletes, inseq replaces by the unknown token",
    ),
    Case(
        name="smollm2-occlusion-equal-8",
        method="occlusion",
        steps=8,
        prompt=24,
        model="smollm2",
        ours={"baseline": "unk", "keep_special": False},
        comparable="absolute",
        note="both replace by the unknown token; absolute values, as inseq drops the sign",
    ),
]


def gpt2_small() -> tuple[Any, Any]:
    """A random model in the shape of GPT-2 small and a word-level tokenizer whose ids it knows."""
    torch.manual_seed(0)
    config = GPT2Config(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    config._attn_implementation = "eager"
    return GPT2LMHeadModel(config), transformers.AutoTokenizer.from_pretrained(str(demo_path("lm")))


def bloom() -> tuple[Any, Any]:
    """A random BLOOM with the layers, heads, width and vocabulary of GPT-2 small."""
    torch.manual_seed(0)
    config = BloomConfig(
        vocab_size=50257, hidden_size=768, n_layer=12, n_head=12, bos_token_id=1, eos_token_id=2, pad_token_id=0
    )
    config._attn_implementation = "eager"
    return BloomForCausalLM(config), transformers.AutoTokenizer.from_pretrained(str(demo_path("lm")))


def marian() -> tuple[Any, Any]:
    """A random translator in the shape of the public Marian models."""
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=58101,
        d_model=512,
        encoder_layers=6,
        decoder_layers=6,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        encoder_ffn_dim=2048,
        decoder_ffn_dim=2048,
        activation_function="swish",
        pad_token_id=0,
        eos_token_id=2,
        bos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
        scale_embedding=False,
    )
    config._attn_implementation = "eager"
    return MarianMTModel(config), transformers.AutoTokenizer.from_pretrained(str(demo_path("mt")))


def smollm2() -> tuple[Any, Any]:
    """SmolLM2-135M itself, from the folder that ``demo:smollm2`` loads."""
    folder = demo_path("smollm2")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model, transformers.AutoTokenizer.from_pretrained(folder)


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "gpt2-small": gpt2_small,
    "bloom": bloom,
    "marian": marian,
    "smollm2": smollm2,
}


def texts(case: Case, tokenizer: Any) -> tuple[str, str]:
    """An input and a target of just the right lengths in tokens."""
    rng = np.random.default_rng(case.steps)
    words = [
        word
        for word in sorted({tokenizer.decode([i]).strip() for i in range(5, len(tokenizer))})
        if word.isalpha() and len(tokenizer.encode("the " + word, add_special_tokens=False)) == 2
    ]

    def text(length: int, special: int) -> str:
        return " ".join(["the", *rng.choice(words, length - 1 - special)])

    if case.model == "marian":
        return text(case.prompt, 1), text(case.steps, 1)
    whole = text(case.prompt + case.steps, 1).split(" ")
    return " ".join(whole[: case.prompt - 1]), " ".join(whole)


class Ours:
    """wherefrom on a model."""

    def __init__(self, case: Case, model: Any, tokenizer: Any) -> None:
        self._model = wherefrom.load_model(model, case.method, tokenizer=tokenizer, device="cpu")
        self._case = case

    def run(self, source: str, target: str) -> Any:
        return self._model.attribute(source, target, show_progress=False, **self._case.ours)

    def scores(self, result: Any) -> Score:
        one = result[0]
        parts = [part for part in (one.source_attributions, one.target_attributions) if part is not None]
        return np.concatenate(parts)


class Theirs:
    """inseq on a model."""

    def __init__(self, case: Case, model: Any, tokenizer: Any) -> None:
        import inseq  # pyright: ignore[reportMissingImports]

        self._model = inseq.load_model(model, case.method, tokenizer=tokenizer, device="cpu")
        self._case = case

    def run(self, source: str, target: str) -> Any:
        joint = {"attribute_target": True} if self._case.model == "marian" else {}
        return self._model.attribute(source, target, show_progress=False, **joint, **self._case.theirs)

    def scores(self, result: Any) -> Score:
        one = result.sequence_attributions[0]
        parts = [part for part in (one.source_attributions, one.target_attributions) if part is not None]
        return np.concatenate([np.nan_to_num(part.numpy()) for part in parts])


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Process CPU time of ``work`` and its result."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Alternate the two libraries on a case."""
    model, tokenizer = MODELS[case.model]()
    model.eval()
    source, target = texts(case, tokenizer)
    load_a, ours = cpu_seconds(lambda: Ours(case, model, tokenizer))
    load_b, theirs = cpu_seconds(lambda: Theirs(case, model, tokenizer))
    first_a, first_ours = cpu_seconds(lambda: ours.run(source, target))
    first_b, first_theirs = cpu_seconds(lambda: theirs.run(source, target))
    if case.cold:
        first_a, first_b = load_a + first_a, load_b + first_b
    agreement = difference(case, ours.scores(first_ours), theirs.scores(first_theirs))
    del first_theirs
    ratios, ours_s, theirs_s = [], [], []
    for _ in range(0 if case.cold else repeats):
        a, _result = cpu_seconds(lambda: ours.run(source, target))
        b, _result = cpu_seconds(lambda: theirs.run(source, target))
        ours_s.append(a)
        theirs_s.append(b)
        ratios.append(b / a)
    if not ratios:  # cold, or too slow to repeat: the first runs, warming up included
        ratios, ours_s, theirs_s = [first_b / first_a], [first_a], [first_b]
    points = first_ours[0].details.get("points")
    return {
        "case": case.name,
        "ratio": round(statistics.median(ratios), 2),
        "goal": case.goal,
        "ours_s": round(statistics.median(ours_s), 3),
        "inseq_s": round(statistics.median(theirs_s), 3),
        "largest_difference": agreement,
        "points": None if points is None else float(np.mean(points)),
        "note": case.note,
    }


def peak_memory(case: Case, library: str) -> float:
    """Largest memory of a fresh process that runs a case once in one library, over that of loading it, in MiB."""
    command = [sys.executable, __file__, "--alone", library, case.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def alone(case: Case, library: str) -> None:
    """Run a case once and print how far memory rose above what the process held before, at its peak (Linux)."""
    model, tokenizer = MODELS[case.model]()
    model.eval()
    runner = (Ours if library == "ours" else Theirs)(case, model, tokenizer)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = held("VmRSS")
    runner.run(*texts(case, tokenizer))
    print(round(held("VmHWM") - before, 1))


def held(kind: str) -> float:
    """Memory of this process in MiB: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(kind))


def difference(case: Case, ours: Score, theirs: Score) -> float | None:
    """Largest difference of scores, as a part of the largest score."""
    if case.comparable == "no":
        return None
    rows = min(len(ours), len(theirs))
    a, b = ours[:rows], theirs[:rows]
    if case.comparable == "loose":  # theirs is one row short; both are thresholded
        a = a[..., : b.shape[-1]]
    if case.comparable == "absolute":
        a = np.abs(a)
    return float(f"{np.abs(a - b).max() / np.abs(b).max():.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="case names or prefixes; default: all")
    parser.add_argument("--repeats", type=int, default=3, help="0: time the first runs, for slow cases")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--memory", action="store_true", help="peak memory of one run of each, in fresh processes")
    parser.add_argument("--without-onednn", action="store_true", help="linear layers by torch's default products")
    parser.add_argument("--growth", metavar="METHOD", help="CPU seconds of a method for 8, 16, 32 and 64 steps")
    parser.add_argument("--alone", choices=["ours", "inseq"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    chosen = [c for c in CASES if not arguments.cases or any(c.name.startswith(p) for p in arguments.cases)]
    if arguments.list:
        print("\n".join(case.name for case in chosen))
        return
    os.environ["INSEQ_HOME"] = tempfile.mkdtemp()  # it keeps neighbours of words in files; each run finds its own
    import inseq  # noqa: F401  # not timed  # pyright: ignore[reportMissingImports]
    import sklearn.neighbors  # noqa: F401

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    if arguments.without_onednn:
        torch.backends.mkldnn.set_flags(False)
    if arguments.alone:
        alone(chosen[0], arguments.alone)
        return
    if arguments.memory:
        for case in chosen:
            ours, theirs = (peak_memory(case, library) for library in ("ours", "inseq"))
            print(json.dumps({"case": case.name, "ours_mib": ours, "inseq_mib": theirs}), flush=True)
        return
    if arguments.growth:
        chosen = [Case(name=f"{arguments.growth}-{n}", method=arguments.growth, steps=n) for n in (8, 16, 32, 64)]
    for case in chosen:
        print(json.dumps(measure(case, arguments.repeats)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
