"""The kit's checks of capabilities beside predictions and gradients: what looks inside, draws, moves, rehearses.

See `wherefrom.testing.conformance`. A model may refuse to be looked into (`ModelCapabilityError`): that is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wherefrom.adapters import (
    BoundsGradients,
    Moves,
    PlacesDocuments,
    Rehearses,
    Reserves,
    Row,
    WrapsFramework,
)
from wherefrom.adapters.head_terms import DecomposesHeads, HeadTerms
from wherefrom.adapters.internals import DecomposesStates, Heads, RowZeroing, Where, ZeroesValues
from wherefrom.arrays import to_numpy
from wherefrom.errors import ModelCapabilityError, UsageError
from wherefrom.step_functions.sampling import Samples
from wherefrom.testing.conformance import Case, check, require, require_answers

KINDS: tuple[Where, ...] = ("encoder", "decoder", "cross")


def _answers(rows: list[Row], ask: Callable[[Iterable[Row]], Iterable[Any]], what: str) -> list[Any]:
    """One answer per row; none where the model refuses."""
    try:
        answers = list(ask(iter(rows)))
    except ModelCapabilityError:
        return []
    require_answers(answers, rows, what)
    return answers


# --- zeroed values ------------------------------------------------------------------------------------------


def _zeroed(case: Case, rows: list[Row], heads: Heads) -> list[RowZeroing]:
    def ask(asked: Iterable[Row]) -> Iterable[RowZeroing]:
        kinds: tuple[Where, ...] = KINDS if case.reads_source else ("decoder",)
        chosen = dict.fromkeys(kinds, heads)
        return case.model.zeroed_values(  # type: ignore[no-any-return]
            asked, metric="euclidean", heads=chosen, every_query=True, encoder=True, decoder=True
        )

    return _answers(rows, ask, "zeroed_values")


def _moved(answer: RowZeroing) -> dict[str, Any]:
    """How far states move, by the kind of attention."""
    maps = {"decoder": answer.decoder, "encoder": answer.encoder, "cross": answer.cross}
    return {name: to_numpy(one) for name, one in maps.items() if one is not None}


@check(ZeroesValues, "zeroed values move what attends to them, and nothing else")
def _zeroing(case: Case) -> None:
    rows = case.rows()
    for answer, row in zip(_zeroed(case, rows, Heads()), rows, strict=False):
        length, read = int(row.steps.max()), 0 if row.source_ids is None else len(row.source_ids)
        sizes = {"decoder": (length, length), "encoder": (read, read), "cross": (len(row.steps), read)}
        moved = _moved(answer)
        require(bool(moved["decoder"].max() > 0), "No state of the decoder moves, whichever values are zeroed.")
        require(
            not np.triu(moved["decoder"], 1).any(),
            "States of the decoder move where values of later positions are zeroed.",
        )
        for name, distances in moved.items():
            require(
                distances.shape[1:] == sizes[name],
                f"{name}: distances cover {distances.shape[1:]} (queries, keys), expected {sizes[name]}.",
            )
            require(bool((distances >= 0).all()), f"{name}: distances are negative, or not finite.")
        (alone,) = _zeroed(case, [row], Heads())
        for name, distances in _moved(alone).items():
            case.close(moved[name], distances, f"{name}: distances of a row in a batch and alone")
    for answer in _zeroed(case, rows, Heads(by_layer={})):
        still = all(not distances.any() for distances in _moved(answer).values())
        require(still, "States move where the values of no head are zeroed.")


# --- sums ---------------------------------------------------------------------------------------------------


@check(DecomposesStates, "terms sum to what an attention layer answers, and to its states")
def _state_terms(case: Case) -> None:
    rows = case.rows()
    try:
        answers = case.model.attention_terms(iter(rows), queries="all")
        for row, answer in zip(rows, answers, strict=True):
            seen: dict[str, set[int]] = {where: set() for where in answer.layers}
            for one in answer.chunks:
                seen[one.where].add(one.layer)
                values, mixed = (to_numpy(terms).sum(1) for terms in (one.values, one.mixed))
                named = f"{one.where} attention, layer {one.layer}"
                case.close(values + to_numpy(one.bias), one.output, f"Terms of {named}, and its output")
                case.close(
                    mixed + to_numpy(one.residual) + to_numpy(one.constant),
                    one.state,
                    f"Terms of {named}, and its state",
                )
            wanted = {where: set(range(count)) for where, count in answer.layers.items()}
            require(
                seen == wanted, f"Terms came of the layers {seen}, expected {wanted} ({len(row.target_ids)} tokens)."
            )
    except ModelCapabilityError:
        return


@check(DecomposesStates, "terms sum to the logits that are predicted")
def _logit_terms(case: Case) -> None:
    rows = case.rows("logit")
    contrasts = [None] * len(rows)
    answers = _answers(rows, lambda asked: case.model.logit_terms(asked, contrasts=iter(contrasts)), "logit_terms")
    for answer, row in zip(answers, rows, strict=False):
        parts = [to_numpy(answer.decoder).sum((0, 2)), to_numpy(answer.embedding), to_numpy(answer.feed_forward).sum(0)]
        if answer.cross is not None:
            parts.append(to_numpy(answer.cross).sum((0, 2)))
        case.close(sum(parts) + to_numpy(answer.bias), answer.logits, "Terms of the logits, and the logits")
        logits = case.logits([row])[0][np.arange(len(row.steps)), row.target_ids[row.steps]]
        case.close(answer.logits, logits, "Logits that were taken apart, and those of predict")


@check(DecomposesHeads, "terms of heads sum to the states, and a mixture's are those of its queries")
def _head_terms(case: Case) -> None:
    rows = case.rows()

    def states(terms: HeadTerms) -> tuple[Where, Any]:
        made = np.einsum("mhk,khw->mw", to_numpy(terms.coefficients), to_numpy(terms.vectors))
        made = made + to_numpy(terms.residual) + to_numpy(terms.constant)
        case.close(made, terms.state, f"Terms of the heads of {terms.where} attention, layer {terms.layer}")
        return terms.where, to_numpy(terms.state)

    def asked(mixtures: list[Any]) -> list[Any]:
        return _answers(
            rows, lambda those: case.model.head_terms(those, mixtures=iter(mixtures), reduce=states), "head_terms"
        )

    lengths = [int(row.steps.max()) for row in rows]
    each, last = asked([None] * len(rows)), asked([np.eye(length)[-1:] for length in lengths])
    for all_queries, one_query in zip(each, last, strict=True):
        whole = [state for where, state in all_queries.layers if where != "encoder"]
        for (where, came), expected in zip(one_query.layers, whole, strict=True):
            case.close(came, expected[-1:], f"The state of a mixture of one query, {where} attention")


# --- chance -------------------------------------------------------------------------------------------------


@check(Samples, "passes come again by their seed, whatever stands beside them, and leave the model as it was")
def _samples(case: Case) -> None:
    rows = case.rows()
    before = case.logits(rows)

    def drawn(asked: list[Row], seed: int) -> list[Any]:
        return [
            to_numpy(one)
            for one in _answers(asked, lambda those: case.model.sample(those, passes=3, seed=seed), "sample")
        ]

    for came, logits, row in zip(drawn(rows, 1), before, rows, strict=False):
        require(came.shape == (3, *logits.shape), f"sample: shape {came.shape}, expected {(3, *logits.shape)}.")
        case.close(came, drawn([row], 1)[0], "Logits with dropout, of a row beside others and alone")
    for now, logits in zip(case.logits(rows), before, strict=True):
        case.close(now, logits, "Logits after passes with dropout")


# --- where a model is, and whose ----------------------------------------------------------------------------


@check(Reserves, "a model that is reserved says the same, again and again")
def _reserved(case: Case) -> None:
    row = case.longest()
    before = case.logits([row])[0]
    with case.model.reserved():
        case.close(case.logits([row])[0], before, "Logits of the reserved model")
        with case.model.reserved():
            pass
        case.close(case.logits([row])[0], before, "Logits of the reserved model after a block within")
    case.close(case.logits([row])[0], before, "Logits after the model was reserved")


@check(Moves, "a model that is moved to where it is stays as it is")
def _moves(case: Case) -> None:
    row, device = case.longest(), case.model.card.device
    before = case.logits([row])[0]
    case.model.to(device)
    require(case.model.card.device == device, f"It was moved to {device!r}, and is on {case.model.card.device!r}.")
    case.close(case.logits([row])[0], before, "Logits after the model was moved")


@check(WrapsFramework, "the framework's own objects are there")
def _wraps(case: Case) -> None:
    require(case.model.module is not None, "module is None: the framework's model is expected.")
    require(case.model.tokenizer is not None, "tokenizer is None: the framework's tokenizer is expected.")


@check(BoundsGradients, "at least one output is differentiated at once")
def _bounds(case: Case) -> None:
    most = case.model.outputs_at_once(case.longest(), copies=2)
    require(most >= 1, f"outputs_at_once gives {most}.")


# --- what is not run, or put beside -------------------------------------------------------------------------


@check(Rehearses, "a rehearsal counts each request once, and answers as evenly as it knows nothing")
def _rehearses(case: Case) -> None:
    rehearsal = case.model.rehearsal()
    require(rehearsal.requests == 0, f"A rehearsal begins with {rehearsal.requests} requests, expected 0.")
    rows = case.rows()
    counts = []
    for _ in range(2):
        answers = [to_numpy(answer.logits) for answer in rehearsal.predict(iter(rows))]
        require_answers(answers, rows, "predict of the rehearsal")
        require(all(not np.ptp(one, axis=-1).any() for one in answers), "Predictions of a rehearsal are not even.")
        counts.append((rehearsal.requests, rehearsal.request_tokens))
    require(
        counts[0] == counts[1], f"The same rows took {counts[0]} requests and tokens, and {counts[1]} with those again."
    )


@check(PlacesDocuments, "documents beside a chat are segments, in the order of the text")
def _documents(case: Case) -> None:
    chat = [{"role": "user", "content": case.texts[0][0]}]
    documents = [{"title": "", "text": text} for _, text in case.texts[:2]]
    try:
        encoding = case.model.encode_with_documents(chat, documents)
    except UsageError:
        return  # a refusal is an answer
    found = [segment for segment in encoding.segments if segment.kind == "document"]
    starts = [segment.start for segment in found]
    require(starts == sorted(starts), f"Segments of documents begin at {starts}, which is not the order of the text.")
    for segment, document in zip(found, documents, strict=False):
        spelt = "".join(token.text for token in encoding.tokens[segment.start : segment.end])
        require(document["text"] in spelt, f"The segment of the document {document['text']!r} spells {spelt!r}.")
