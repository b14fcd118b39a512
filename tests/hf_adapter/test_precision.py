"""How cues are ranked, on hand-made scores; and a dependency of the demo model that every word removed must show."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom import Attribution, load_model
from wherefrom.methods import Occlusion
from wherefrom.methods.contract import L2_THEN_NORMALIZE
from wherefrom.text.tokens import Token
from wherefrom_hf.demo import CueSpan, GoldCue, gold_cues

from tools.demo_models.precision_table import (
    Outcome,
    cells,
    chance_of,
    deciding_case,
    explained,
    first_of_each,
    members,
    outcome_of,
    rank_of,
    ranked,
    ranked_methods,
    settings_of,
)

TEXT = "Mary was here <brk> she left"
WORDS = (("<s>", 0, 0), ("Ma", 0, 2), ("ry", 2, 4), (" was", 5, 8), (" here", 9, 13), (" <brk>", 14, 19))
CUE = GoldCue(
    id="x",
    dependency="pronoun",
    source="Mary was here <brk>",
    target=TEXT,
    decided=CueSpan(start=20, stop=23),
    cues=(CueSpan(start=0, stop=4),),
    also=(CueSpan(start=9, stop=13), CueSpan(start=20, stop=23, side="target")),
    contrast_word="he",
)


def tokens() -> tuple[Token, ...]:
    words = (*WORDS, (" she", 20, 23))
    return tuple(
        Token(id=index, piece=text, text=text, position=index, start=start, end=end, special=start == end)
        for index, (text, start, end) in enumerate(words)
    )


def attribution(scores, *, signed: bool) -> Attribution:
    """Scores of the words ``Ma ry was here``, shape ``(4, width)``, behind large ones that are not to be ranked."""
    width = np.shape(scores)[1]
    whole = np.concatenate([np.full((1, width), 99.0), scores, np.full((1, width), 99.0), np.zeros((1, width))])
    return Attribution(
        source=tokens()[:6],
        target=tokens(),
        attr_pos_start=6,
        attr_pos_end=7,
        target_attributions=whole[:, None, :],
        dimensions=("width",),
        signed=signed,
        default_aggregation=L2_THEN_NORMALIZE,
    )


@pytest.mark.parametrize(
    "scores, wanted, rank",
    [
        ([3.0, 2.0, 1.0], [0], 1),
        ([3.0, 2.0, 1.0], [2], 3),
        ([-3.0, -2.0, -1.0], [2], 1),
        ([1.0, 5.0, 4.0, 3.0], [0, 3], 3),
        ([1.0, 5.0, 4.0, 3.0], [1, 2], 1),
        ([2.0, 2.0, 1.0], [0], 1.5),
        ([0.0, 0.0, 0.0], [1], 2),
        ([2.0, 2.0, 1.0], [0, 1], 1),
        ([0.0, 0.0, 0.0], [0, 2], chance_of(3, 2)[1]),
    ],
)
def test_rank_of_the_best_wanted_score(scores, wanted, rank):
    assert rank_of(scores, wanted) == rank


@pytest.mark.parametrize("scores, wanted", [([1.0, float("nan")], [0]), ([1.0, 2.0], [])])
def test_what_cannot_be_ranked(scores, wanted):
    with pytest.raises(ValueError, match="Expected finite scores and at least one wanted entry"):
        rank_of(scores, wanted)


@pytest.mark.parametrize("count, wanted", [(5, 1), (6, 2), (7, 3)])
def test_chance_is_the_mean_over_orders(count, wanted):
    rng = np.random.default_rng(0)
    ranks = [rank_of(rng.permutation(count), range(wanted)) for _ in range(4000)]
    precision, mean = chance_of(count, wanted)
    assert np.mean(np.array(ranks) == 1) == pytest.approx(precision, abs=0.03)
    assert np.mean(ranks) == pytest.approx(mean, abs=0.06)


def test_signed_scores_are_summed_and_others_aggregated():
    """Ma: length 5, sum -1. here: length 2, sum 2."""
    scores = np.array([[-4.0, 3.0], [0.0, 0.5], [0.1, 0.0], [1.0, 1.0]])
    assert [round(score, 6) for _, score in ranked(attribution(scores, signed=True), CUE)] == [-1, 0.5, 0.1, 2]
    unsigned = [score for _, score in ranked(attribution(scores, signed=False), CUE)]
    assert np.argsort(unsigned)[::-1].tolist() == [0, 3, 1, 2]


def test_special_tokens_and_the_answer_are_not_ranked():
    kept = [token.text for token, _ in ranked(attribution(np.ones((4, 2)), signed=True), CUE)]
    assert kept == ["Ma", "ry", " was", " here"]


def test_a_cue_is_as_high_as_its_best_piece_and_company_is_no_mistake():
    outcome, chance = outcome_of(attribution([[0.0], [2.0], [1.0], [3.0]], signed=True), CUE)
    assert outcome == Outcome(rank=2, company_rank=1)
    assert (chance.precision, chance.company_precision) == (2 / 4, 3 / 4)
    assert members(tokens()[1:5], CUE.cues) == [0, 1]
    assert cells([outcome, Outcome(rank=1, company_rank=1)]) == ["50", "100", "1.5"]
    assert cells([]) == ["–", "–", "–"]


def test_the_step_is_where_text_and_contrast_part_ways():
    """ "froid" and "froide" share a piece: the next one decides."""
    model = load_model("demo:mt", device="cpu")
    example = next(e for e in gold_cues("mt") if (e.word, e.contrast_word) == ("froid", "froide"))
    case = deciding_case(model, example)
    ids, other = (model.adapter.encode(text, side="target").ids for text in (example.target, case.foiled))
    assert (ids[: case.step] == other[: case.step]).all()
    assert ids[case.step] != other[case.step]
    assert case.foiled == example.target.replace("froid", "froide")


def test_leaving_words_out_finds_every_state_that_decides_a_place():
    model = load_model("demo:lm", device="cpu")
    examples = [example for example in gold_cues("lm") if example.dependency == "context_place"]
    cases = [deciding_case(model, example) for example in first_of_each(examples, 5)]
    assert len(cases) == 5
    for case, result in zip(cases, explained(model, cases, Occlusion(baseline="unk"), "probability"), strict=True):
        assert outcome_of(result, case.example)[0].rank == 1


@pytest.mark.parametrize("name", ["lm", "mt"])
def test_every_method_of_the_table_can_be_asked_as_it_is_set(name):
    model = load_model(f"demo:{name}", device="cpu")
    example = gold_cues(name)[0]
    for method in ranked_methods():
        model.cost(example.source, example.target, method=method, **settings_of(method, name))
