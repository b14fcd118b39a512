import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError
from wherefrom.methods.perturbation.samplers import (
    Candidates,
    Choices,
    ModelSampler,
    UniformSampler,
    UnigramSampler,
    as_sampler,
    ordinary_ids,
    without,
)
from wherefrom.testing import ReferenceModel, question

RNG = np.random.default_rng


def test_draws_follow_the_weights():
    choices = Choices(ids=np.array([3, 5, 9]), weights=np.array([1.0, 0.0, 3.0]))
    drawn = Candidates(positions=(choices,)).draw(np.zeros(4000, np.int64), RNG(0))
    assert set(drawn) == {3, 9}
    assert abs((drawn == 9).mean() - 0.75) < 0.03


def test_draws_without_weights_are_even():
    drawn = Candidates(positions=(Choices(ids=np.array([3, 5])),)).draw(np.zeros(4000, np.int64), RNG(0))
    assert abs((drawn == 3).mean() - 0.5) < 0.03


@pytest.mark.parametrize("sampler", [UniformSampler(), UnigramSampler("the cat sat on a mat"), ModelSampler(top=5)])
@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_neither_special_tokens_nor_the_token_itself_are_drawn(kind, sampler):
    model = ReferenceModel(kind)
    asked = question(model, "the cat sat", "a dog slept")
    for side, ids in (("source", asked.source_ids), ("target", asked.target_ids)):
        if ids is None:
            continue
        found = sampler.candidates(model, asked, side)
        drawn = np.stack([found.draw(np.arange(len(ids)), RNG(seed)) for seed in range(50)])
        assert (drawn != ids).all()
        assert np.isin(drawn, ordinary_ids(model.card)).all()
        assert (drawn != drawn[0]).any()


def test_the_model_proposes_what_it_finds_likely():
    model = ReferenceModel()
    asked = question(model, "the cat sat", "a dog slept")
    found = ModelSampler(top=3).candidates(model, asked, "target")
    from attrs import evolve

    (said,) = model.predict([evolve(asked.row(), steps=np.array([2]))])
    allowed = ordinary_ids(model.card)
    likely = allowed[np.argsort(-said.logits[0, allowed])][:3]
    assert set(found.positions[2].ids) == set(likely) - {asked.target_ids[2]}


def test_the_only_choice_stays():
    only = Choices(ids=np.array([4]))
    assert without(only, 4) is only


def test_a_text_of_one_token_is_refused():
    model = ReferenceModel()
    with pytest.raises(InputError, match="1 different tokens"):
        UnigramSampler("cat cat").candidates(model, question(model, "the", "cat"), "target")


@pytest.mark.parametrize("top", [2.7, np.float64(3.0), True, None, [5]])
def test_a_number_of_tokens_is_not_rounded(top):
    with pytest.raises(SettingsError, match="top"):
        ModelSampler(top=top)


def test_names_with_an_argument():
    assert as_sampler("model:7") == ModelSampler(top=7)
    assert as_sampler("unigram:some text") == UnigramSampler("some text")
    own = UniformSampler()
    assert as_sampler(own) is own
