"""What is asked of every family, against plain torch, and the table of the answers.

uv run python -m tests.zoo.checks                     # every family, writes docs/zoo.md
uv run python -m tests.zoo.checks gpt2 bart           # some, printed
uv run python -m tests.zoo.checks --kept zoo.jsonl    # in pieces: families that the file has are not asked again
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import transformers
from attrs import evolve, frozen
from transformers import PreTrainedModel
from transformers.modeling_outputs import MoEModelOutput
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom.arrays import to_numpy
from wherefrom.errors import UsageError
from wherefrom.methods.deeplift import unexplained
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom_hf._model import HFModel
from wherefrom_hf.running import block_by_block, chunking, in_pieces, predict
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.text.special_tokens import SpecialTokens

from tests.zoo import families

LENGTH, STEPS, SOURCE = 14, (5, 9, 13), 7
MOST_PARAMETERS = 40_000_000


class NoOracleError(Exception):
    """There is nothing to compare with."""


@frozen
class Outcome:
    """One cell of the table."""

    kind: str
    """``ok``, ``refused``, ``wrong`` or ``crash``."""
    reason: str = ""
    """Why; where it is ok, what the method warns of."""


Off = float | tuple[float, str]
"""How far off, as a part of the largest value, and what the method warns of."""


class Model(HFModel):
    """The adapter without a tokenizer."""

    def __init__(self, module: PreTrainedModel, memory_limit: int | None = None) -> None:
        self.module = module
        self._asked = None
        self._derived = None
        self._memory_limit = memory_limit

    @property
    def _special(self) -> SpecialTokens:
        return SpecialTokens(bos=None, eos=(), pad=0, unk=0, mask=None, decoder_start=None)


@contextmanager
def beyond_a_probe() -> Iterator[None]:
    """Models whose attention selects more keys than a probe has tokens, and texts with more than it selects."""
    with (
        patch.dict(families.SMALL, {"index_topk": 64, "max_position_embeddings": 256}),
        patch.multiple(__name__, LENGTH=140, STEPS=(70, 100, 139)),
    ):
        yield


def row_of(module: PreTrainedModel) -> Row:
    """A row whose target function is the logit of its tokens."""
    ids = np.arange(3, 3 + LENGTH) * 5 % 60 + 3
    steps = np.array(STEPS)
    function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=ids[steps])
    source = np.arange(5, 5 + SOURCE) * 7 % 60 + 3 if module.config.is_encoder_decoder else None
    return Row(target_ids=ids, steps=steps, source_ids=source, target_function=function)


def plain_logits(module: PreTrainedModel, row: Row, step: int, leaf: torch.Tensor | None = None) -> torch.Tensor:
    """Logits that predict one step from its prefix alone, as the library itself computes them."""
    ids = torch.from_numpy(row.target_ids[:step])[None]
    given: dict[str, Any] = {"use_cache": False}
    if row.source_ids is None:
        given["input_ids"] = ids
        embedding = module.get_input_embeddings()
    else:
        source = torch.from_numpy(row.source_ids)[None]
        states = module.get_encoder()(input_ids=source, attention_mask=torch.ones_like(source)).last_hidden_state
        given |= {"encoder_outputs": MoEModelOutput(last_hidden_state=states), "decoder_input_ids": ids}
        given |= {"input_ids": source, "attention_mask": torch.ones_like(source)}
        embedding = input_embeddings(module)[1].module
    handle = None if leaf is None else embedding.register_forward_hook(lambda *_: leaf.clone())
    try:
        return module(**given).logits[0, -1]
    finally:
        if handle is not None:
            handle.remove()


@contextmanager
def every_row_is_long() -> Iterator[None]:
    """Within the block, rows run as those of thousands of tokens do: layers in pieces, what goes on behind a shared
    beginning in two parts, and under a limit of memory that nothing fits, block by block."""
    with (
        patch.object(chunking, "HOST_PRODUCT_POSITIONS", 1),
        patch.object(in_pieces, "LEAST_POSITIONS", 8),
        patch.object(in_pieces, "PIECE", 5),
        patch.object(in_pieces, "_BEGINNING", 3),
        patch.object(block_by_block, "PIECE", 5),
        patch.object(predict, "LEAST_POSITIONS", 2),
    ):
        yield


def predictions(model: Model, row: Row) -> float:
    """Predictions against a pass of each prefix alone, also as of a long row."""
    (came,) = model.predict([row])
    with every_row_is_long():
        (long,) = model.predict([row])
    with torch.no_grad():
        right = torch.stack([plain_logits(model.module, row, step) for step in row.steps])
    return max(distance(came.logits, right), distance(long.logits, right))


def removals(model: Model, row: Row) -> float:
    """Predictions of rows that share a beginning, together, one after the other and as of long rows, against each
    alone."""
    rows = [evolve(row, first_change=len(row.target_ids))]
    for place in (3, 6, 8):
        ids = row.target_ids.copy()
        ids[place] = 11
        rows.append(evolve(row, target_ids=ids, first_change=place, steps=row.steps[row.steps > place]))
    rows = [evolve(one, target_function=None) for one in rows]
    worst = 0.0
    answers = [list(model.predict(rows)), list(model.predict(rows, chunk=1))]
    with every_row_is_long():
        answers.append(list(model.predict(rows, chunk=1)))
    for *came, one in zip(*answers, rows, strict=True):
        with torch.no_grad():
            right = torch.stack([plain_logits(model.module, one, step) for step in one.steps])
        worst = max(worst, *(distance(answer.logits, right) for answer in came))
    return worst


def gradients(model: Model, row: Row) -> float:
    """Gradients at the target's embeddings against autograd, a step at a time, also as of a long row."""
    (came,) = model.gradients([row])
    with every_row_is_long():
        (long,) = Model(model.module, memory_limit=1).gradients([row])
    worst = 0.0
    module = model.module
    embedding = Predictor(module, *input_embeddings(module), 0).target
    for index, step in enumerate(row.steps):
        raw = embedding.module(torch.from_numpy(row.target_ids[:step])[None])
        leaf = raw.detach().requires_grad_()
        logit = plain_logits(module, row, step, leaf)[row.target_ids[step]]
        (right,) = torch.autograd.grad(logit, leaf)
        for one in (came, long):
            worst = max(worst, distance(one.target[index, :step], right[0] / embedding.scale))
    return worst


def attention(model: Model, row: Row) -> float:
    """Weights against ``output_attentions`` of the plain implementation."""
    (came,) = model.attentions([row])
    module = model.module
    ids = torch.from_numpy(row.target_ids[: row.steps[-1]])[None]
    given: dict[str, Any] = {"output_attentions": True, "use_cache": False}
    if row.source_ids is None:
        given["input_ids"] = ids
    else:
        given |= {"input_ids": torch.from_numpy(row.source_ids)[None], "decoder_input_ids": ids}
    with torch.no_grad(), attention_implementation(module, "eager"):
        output = module(**given)
    layers = output.attentions if row.source_ids is None else output.decoder_attentions
    # of layers that mix by something else, the library gives a state of theirs
    square = (ids.shape[1], ids.shape[1])
    right = [one[0] for one in layers or () if one is not None and one.shape[-2:] == square]
    if not right:
        raise NoOracleError("the library gives no weights")
    if any(one.shape != came.decoder[0].shape for one in right) or len(right) != len(came.decoder):
        raise NoOracleError("the library gives weights of another shape")
    for ours, theirs in zip(came.decoder, right, strict=True):
        if float((theirs.sum(-1) - 1).abs().max()) > 1e-3 > float((ours.sum(-1) - 1).abs().max()):
            raise NoOracleError("what the library gives does not sum to one")
    return distance(came.decoder, torch.stack(right))


def finite(answers: Callable[[Model, Row], Any]) -> Callable[[Model, Row], float]:
    def check(model: Model, row: Row) -> float:
        for value in answers(model, row):
            if not torch.isfinite(value).all():
                return float("nan")
        return 0.0

    return check


def _zeroing(model: Model, row: Row) -> Any:
    whole = {where: Heads() for where in ("encoder", "decoder", "cross")}
    choices = {"metric": "cosine", "heads": whole, "every_query": False, "encoder": True, "decoder": True}
    return [one.decoder for one in model.zeroed_values([row], **choices)]


def _terms(model: Model, row: Row) -> Any:
    return [chunk.mixed for one in model.attention_terms([row], queries="steps") for chunk in one.chunks]


def _logit_terms(model: Model, row: Row) -> Any:
    # 0 / 0 where attention is said to bring nothing at all
    return [one.decoder / one.decoder.abs().sum().sign() for one in model.logit_terms([row], contrasts=[None])]


def rescaled(model: Model, row: Row) -> Off:
    """Finite, and whether the shares add up to the change of the target function; `deeplift` warns where not."""
    same = torch.full(row.target_ids.shape, 7)
    with torch.no_grad():
        embedded = input_embeddings(model.module)[1].of(same)
    base = evolve(row, target_embeds=embedded)
    (answer,) = model.rescaled_gradients([row], [base])
    if not torch.isfinite(answer.target).all():
        return float("nan")
    change = to_numpy(answer.values - answer.baseline_values)
    deltas = to_numpy((answer.target * answer.target_change).sum((1, 2))) - change
    if not unexplained(deltas, answer).any():
        return 0.0
    return 0.0, f"warns: its shares miss the change of score ({np.abs(change).max():.2g}) by {np.abs(deltas).max():.2g}"


CHECKS: dict[str, Callable[[Model, Row], Off]] = {
    "predictions": predictions,
    "removals": removals,
    "gradients": gradients,
    "attention": attention,
    "value zeroing": finite(_zeroing),
    "value terms": finite(_terms),
    "logit terms": finite(_logit_terms),
    "deeplift": rescaled,
}


def distance(came: torch.Tensor, right: torch.Tensor) -> float:
    """Largest difference as a part of the largest value."""
    right = right.detach()
    return float((came.detach() - right).abs().max() / right.abs().max().clamp_min(1e-6))


def outcome(check: Callable[[Model, Row], Off], module: PreTrainedModel) -> Outcome:
    """One cell: what a check says of a model."""
    try:
        said = check(Model(module), row_of(module))
    except UsageError as refusal:
        return Outcome("refused", str(refusal))
    except NoOracleError as error:
        return Outcome("refused", f"no oracle: {error}")
    except Exception as error:  # what the table is there to show
        return Outcome("crash", f"{type(error).__name__}: {error}")
    off, warning = said if isinstance(said, tuple) else (said, "")
    return Outcome("ok", warning) if off <= 2e-3 else Outcome("wrong", f"off by {off:.1e} of the largest value")


def small(name: str) -> bool:
    """Can a family be built without a configuration of its own?"""
    config, model = families.classes()[name]
    try:
        with torch.device("meta"):
            made = model(families.shrunk(config))
    except Exception:  # listed as not built
        return False
    return sum(p.numel() for p in made.parameters()) <= MOST_PARAMETERS


def table(names: list[str], kept: Path | None = None) -> dict[str, dict[str, Outcome]]:
    """Family to check to outcome.

    Args:
        kept: JSON lines of an earlier run to begin with, and to write on.
    """
    found = {}
    if kept is not None and kept.exists():
        for known in map(json.loads, kept.read_text("utf-8").splitlines()):
            found[known["family"]] = {about: Outcome(*one) for about, one in known["cells"].items()}
    for name in names:
        if name in found:
            continue
        module = families.build(name)
        found[name] = {about: outcome(check, module) for about, check in CHECKS.items()}
        if kept is not None:
            cells = {about: (one.kind, one.reason) for about, one in found[name].items()}
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"family": name, "cells": cells}) + "\n")
        print(
            name,
            *(f"{about}: {one.kind} {one.reason[:90]}" for about, one in found[name].items() if one.kind != "ok"),
            sep="\n   ",
            flush=True,
        )
    return {name: found[name] for name in names}


def written(found: dict[str, dict[str, Outcome]], left_out: list[str]) -> str:
    """The page of the documentation."""
    cells = [one for row in found.values() for one in row.values()]
    counts = {kind: sum(one.kind == kind for one in cells) for kind in ("ok", "refused", "wrong", "crash")}
    total = f"{len(cells)}: {100 * counts['ok'] / max(len(cells), 1):.1f} % ok"
    lines = [
        "# Families of models", "",
        f"Tiny random models of {len(found)} families of transformers {transformers.__version__}, held against plain "
        "torch by `uv run python -m tests.zoo.checks`, which writes this page.",
        "Cells: " + ", ".join(f"{kind} {n}" for kind, n in counts.items()) + f", of {total}.", "",
        "Predictions, predictions with tokens removed and gradients are compared with a pass of each prefix alone, "
        "attention with `output_attentions`;",
        "value zeroing and the terms of values and logits check themselves; here they are asked for finite "
        "numbers, and the terms of logits for some that attention brings;",
        "DeepLIFT is asked for finite numbers; where its shares do not add up, of which it warns, is told below.",
        "", "| family | " + " | ".join(CHECKS) + " |", "|---|" + "---|" * len(CHECKS),
    ]  # fmt: skip
    for name, row in found.items():
        lines.append(f"| {name} | " + " | ".join(one.kind for one in row.values()) + " |")
    lines += ["", "## Reasons", ""]
    for name, row in found.items():
        for about, one in row.items():
            if one.reason:
                reason = " ".join(one.reason.split())[:220].replace("|", "/").replace("<", "(").replace(">", ")")
                lines.append(f"* {name}, {about}: {one.kind}: {reason}")
    lines += ["", "Not built, for want of a small configuration: " + (", ".join(left_out) or "none") + ".", ""]
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    parser = argparse.ArgumentParser(description="Ask every family what is asked of all, and write docs/zoo.md.")
    parser.add_argument("names", nargs="*", help="families to ask and print; none: all of them")
    parser.add_argument("--kept", type=Path, help="JSON lines of what was answered, to go on from")
    asked = parser.parse_args()
    names = asked.names or [name for name in families.classes() if small(name)]
    page = written(table(names, asked.kept), [name for name in families.classes() if name not in names])
    if asked.names:
        print(page)
    else:
        (Path(__file__).parents[2] / "docs" / "zoo.md").write_text(page, "utf-8")


if __name__ == "__main__":
    main()
