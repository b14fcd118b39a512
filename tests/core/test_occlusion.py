"""Occlusion against loops over prefixes and windows, and the work it takes."""

import numpy as np
import pytest
from attrs import evolve
from wherefrom.adapters import Row
from wherefrom.errors import SettingsError
from wherefrom.methods import METHODS, FeatureAblation, Occlusion
from wherefrom.progress import no_progress
from wherefrom.settings import from_mapping, non_default
from wherefrom.testing import ReferenceModel, counting, linear_model, linear_share, question, shift_copy_model

KINDS = ("decoder-only", "encoder-decoder")


def windows_by_hand(model, asked, window, stride):
    """Every step on its own prefix; each side's windows slide until they reach its end, the last one cut off."""
    sides = {"target": asked.target_ids}
    if asked.source_ids is not None:
        sides["source"] = asked.source_ids
    scores = {side: np.zeros((len(ids), len(asked.steps))) for side, ids in sides.items()}
    for column, step in enumerate(asked.steps):
        prefix = {side: ids if side == "source" else ids[: step + 1] for side, ids in sides.items()}

        def worth(changed, step=step):
            (said,) = model.predict(
                [Row(steps=np.array([step]), **{f"{side}_ids": ids for side, ids in changed.items()})]
            )
            odds = np.exp(said.logits[0] - said.logits[0].max())
            return (odds / odds.sum())[asked.target_ids[step]]

        for side in sides:
            length = len(prefix[side]) - (side == "target")
            kept = asked.kept_source if side == "source" else asked.kept_target
            lost = [[] for _ in range(length)]
            start = 0
            while True:
                inside = range(start, min(start + window, length))
                ids = prefix[side].copy()
                for at in inside:
                    if at not in kept:
                        ids[at] = model.card.unk_id
                drop = worth(prefix) - worth({**prefix, side: ids})
                for at in inside:
                    lost[at].append(drop)
                if start + window >= length:
                    break
                start += stride
            for at in range(length):
                scores[side][at, column] = np.mean(lost[at]) if lost[at] else 0.0
    return scores.get("source"), scores["target"]


@pytest.mark.parametrize("window, stride", [(1, 1), (2, 1), (3, 2), (3, 3), (20, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_every_step_are_those_of_its_prefix(kind, window, stride):
    model = ReferenceModel(kind)
    asked = question(model, "the cat sat on", "a dog slept and sat")
    (scores,) = Occlusion(window=window, stride=stride, baseline="unk").attribute(model, [asked], no_progress)
    source, target = windows_by_hand(model, asked, window, stride)
    np.testing.assert_allclose(scores.target, target, atol=1e-12)
    if source is not None:
        np.testing.assert_allclose(scores.source, source, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_zeroing_a_linear_model_gives_its_shares(kind):
    model = linear_model(kind)
    asked = question(model, "the cat sat", "a dog slept", function="logit")
    steps, ids = asked.steps.tolist(), asked.target_ids[asked.steps].tolist()
    (scores,) = Occlusion(baseline="zero").attribute(model, [asked], no_progress)
    embedded = model.embed(asked.target_ids, side="target")
    expected = linear_share(model, model.network.own, embedded, steps, ids).sum(axis=2)
    expected *= np.arange(len(expected))[:, None] < asked.steps
    expected[asked.kept_target] = 0.0
    np.testing.assert_allclose(scores.target, expected, atol=1e-12)
    if kind == "encoder-decoder":
        embedded = model.embed(asked.source_ids, side="source")
        expected = linear_share(model, model.network.cross, embedded, steps, ids).sum(axis=2)
        expected[asked.kept_source] = 0.0
        np.testing.assert_allclose(scores.source, expected, atol=1e-12)


def test_only_the_copied_token_counts_and_it_raises_the_copy():
    model = shift_copy_model(shift=2)
    asked = question(model, "dog cat dog cat", "dog cat dog")
    (scores,) = Occlusion(baseline="unk").attribute(model, [asked], no_progress)
    for column, step in enumerate(asked.steps):
        np.testing.assert_array_equal(np.flatnonzero(np.abs(scores.target[:, column]) > 1e-9), [step - 2])
        assert scores.target[step - 2, column] > 0.5


def test_signs_follow_the_target_function():
    model = ReferenceModel()
    asked = question(model, "the cat sat on", "a dog slept")
    contrast = evolve(asked.target_function, target_ids=np.roll(asked.target_function.target_ids, 1))
    (scores,) = Occlusion(baseline="unk").attribute(model, [asked], no_progress)
    (other,) = Occlusion(baseline="unk").attribute(model, [evolve(asked, target_function=contrast)], no_progress)
    assert (scores.target < 0).any()
    assert (scores.target > 0).any()
    assert np.abs(scores.target - other.target).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_cost_is_one_pass_per_token_whatever_the_number_of_steps(kind):
    model = ReferenceModel(kind)
    for last in (1, 4):
        asked = question(model, "the cat sat on", "a dog slept and", last=last)
        meter, tally = counting(model)
        (scores,) = Occlusion(baseline="unk").attribute(meter, [asked], no_progress)
        inputs = int(asked.steps[-1]) - np.isin(asked.kept_target, np.arange(asked.steps[-1])).sum()
        inputs += 0 if asked.source_ids is None else len(asked.source_ids) - len(asked.kept_source)
        assert tally.forward_rows == inputs + 1 == scores.details["forwards"]
        assert tally.backward_rows == 0
        assert tally.calls == 1
        if kind == "decoder-only":
            length = int(asked.steps[-1])
            assert tally.forward_positions == length * (length + 1) // 2, "only what follows a change"


def test_a_batch_and_chunks_change_nothing():
    model = ReferenceModel()
    asked = [question(model, "the cat", "a dog slept"), question(model, "the cat sat on a", "mat")]
    together = list(Occlusion(internal_batch_size=2, baseline="unk").attribute(model, asked, no_progress))
    for one, scores in zip(asked, together, strict=True):
        (alone,) = Occlusion(perturbations_per_eval=1, baseline="unk").attribute(model, [one], no_progress)
        np.testing.assert_allclose(scores.target, alone.target, atol=1e-12)


def test_leave_one_out_is_occlusion_of_units():
    model = ReferenceModel("encoder-decoder")
    asked = question(model, "the cat sat on", "a dog slept")
    assert METHODS.get("leave_one_out") is FeatureAblation
    units = {"source": [(0, 2), (2, 4)], "target": "token"}
    (left,) = FeatureAblation(units=units, baseline="unk").attribute(model, [asked], no_progress)
    (occluded,) = Occlusion(units=units, baseline="unk").attribute(model, [asked], no_progress)
    np.testing.assert_allclose(left.source, occluded.source, atol=1e-12)
    np.testing.assert_allclose(left.target, occluded.target, atol=1e-12)
    np.testing.assert_allclose(left.source[0], left.source[1])


def test_progress_is_told():
    told = []
    model = ReferenceModel()
    asked = question(model, "the cat", "a dog")
    list(Occlusion(baseline="unk").attribute(model, [asked], lambda *what: told.append(what)))
    assert told[-1] == ("ablation", len(told), len(told))


@pytest.mark.parametrize("settings", [{"window": 0}, {"stride": -1}, {"internal_batch_size": 0}, {"window": 1.5}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SettingsError, match=next(iter(settings))):
        from_mapping(Occlusion, settings, where="method 'occlusion'")


def test_numbers_of_numpy_are_recorded_as_numbers():
    assert non_default(Occlusion(window=np.int64(3))) == {"window": 3}


def test_windows_leave_no_unit_out():
    for settings in ({"stride": 2}, {"window": 2, "stride": 3}):
        with pytest.raises(SettingsError, match="never removed"):
            Occlusion(**settings)
    assert Occlusion(window=3, stride=3).stride == 3
