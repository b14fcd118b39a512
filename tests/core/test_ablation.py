"""The table against passes written out one by one, and its life on disk."""

import io

import numpy as np
import pytest
from attrs import evolve
from wherefrom.adapters import PredictsSteps, Row, SequenceModel
from wherefrom.errors import (
    FileFormatError,
    InputError,
    ModelCapabilityError,
    SettingsError,
    ShapeError,
    WherefromWarning,
)
from wherefrom.methods import ExactShapley, FeatureAblation, KernelShap, Lime, Occlusion
from wherefrom.methods.head_weights import HeadWeights
from wherefrom.methods.paths.word_paths import Neighbours
from wherefrom.methods.perturbation.ablation import (
    CONTRAST_LOG_PROBABILITY,
    LOG_PROBABILITY,
    AblationTable,
    ablate,
    quantities,
    target_function_name,
)
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.removal import BASELINES, check_baseline, removal
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom.step_functions.probability import Probability
from wherefrom.step_functions.registration import step_function_of
from wherefrom.testing import ReferenceModel, counting, only, question

from tests.core.games import GAMES, game

KINDS = ("decoder-only", "encoder-decoder")


def setup(kind, **more):
    model = ReferenceModel(kind)
    return model, question(model, "the cat sat on", "a dog slept", **more)


def masks_for(units, count=12, seed=0):
    return np.random.default_rng(seed).random((count, len(units))) < 0.5


@pytest.mark.parametrize("baseline", [*BASELINES, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_what_single_passes_say(kind, baseline):
    model, asked = setup(kind)
    units = units_of(asked)
    masks = masks_for(units)
    table = ablate(model, asked, units, masks, baseline=baseline)
    for row, mask in enumerate(table.masks):
        for index, step in enumerate(asked.steps):
            expected = by_hand(model, asked, units, mask, int(step), baseline)
            said = table.values[LOG_PROBABILITY][row, index]
            np.testing.assert_allclose(said, expected[asked.target_ids[step]], rtol=1e-6, atol=1e-6)


def by_hand(model, asked, units, mask, step, baseline):
    """Log-probabilities after one prefix, tokens taken away by lists."""
    gone = {
        (unit.side, int(at))
        for unit, stays in zip(units.members, mask, strict=True)
        if not stays
        for at in unit.removable
    }
    card = model.card
    stand_in = {"unk": card.unk_id, "pad": card.pad_id, "mask": card.mask_id}.get(baseline, baseline)
    row = {"steps": np.array([step])}
    for side, ids in (("source", asked.source_ids), ("target", asked.target_ids)):
        if ids is None:
            continue
        ids = list(ids[:step]) if side == "target" else list(ids)
        out = np.array([(side, at) in gone for at in range(len(ids))])
        if baseline == "delete":
            ids = [one for one, lost in zip(ids, out, strict=True) if not lost] or [model.card.bos_id]
            if side == "target":
                row["steps"] = np.array([len(ids)])
        elif baseline == "hidden":
            row[f"{side}_visible"] = np.append(~out, True) if side == "target" else ~out
        elif baseline in ("zero", "mean"):
            clean = np.array(model.embed(np.array(ids), side=side))
            clean[out] = 0.0 if baseline == "zero" else model.embedding_table(side=side).mean(axis=0)
            row[f"{side}_embeds"] = np.concatenate([clean, clean[-1:]]) if side == "target" else clean
        else:
            ids = [stand_in if lost else one for one, lost in zip(ids, out, strict=True)]
        row[f"{side}_ids"] = np.array([*ids, 0] if side == "target" else ids)
    (said,) = model.predict([Row(**row)])
    return said.logits[0] - np.log(np.exp(said.logits[0]).sum())


def test_deletion_of_everything_leaves_a_stand_in():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    table = ablate(model, asked, units, np.zeros((1, len(units)), bool), baseline="delete")
    assert np.isfinite(table.values[LOG_PROBABILITY]).all()


def test_equal_masks_run_once_and_the_full_one_not_at_all():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    meter, tally = counting(model)
    masks = np.ones((6, len(units)), bool)
    masks[2:4, 0] = False
    table = ablate(meter, asked, units, masks)
    assert tally.forward_rows == table.forwards == 2
    assert len(table) == 2
    np.testing.assert_array_equal(table.values_of(masks)[0], table.clean[LOG_PROBABILITY])


def test_removing_what_is_the_baseline_already_costs_and_changes_nothing():
    model, asked = setup("decoder-only")
    asked = evolve(asked, target_ids=np.where(np.arange(len(asked.target_ids)) == 1, 9, asked.target_ids))
    meter, tally = counting(model)
    (scores,) = Occlusion(baseline=9).attribute(meter, [asked], no_progress)
    assert not scores.target[1].any()
    assert tally.forward_rows == 1 + len(units_of(asked)) - 1


def test_only_steps_behind_a_change_are_read():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    remove = removal("unk", model, asked)
    last = int(asked.steps[-1]) - 1
    (found,) = remove(np.zeros(0, np.int64), np.array([last]))
    np.testing.assert_array_equal(found.row.steps, asked.steps[-1:])
    assert found.row.first_change == last
    assert len(units)


def test_a_table_grows_without_running_anything_twice():
    model, asked = setup("encoder-decoder")
    units = units_of(asked)
    masks = masks_for(units, 20)
    meter, tally = counting(model)
    table = ablate(meter, asked, units, masks[:12])
    grown = ablate(meter, asked, units, masks, table=table)
    at_once = ablate(model, asked, units, masks)
    assert tally.forward_rows == at_once.forwards
    np.testing.assert_allclose(grown.values_of(masks), at_once.values_of(masks), rtol=1e-12)


def test_another_target_function_fills_a_column_of_its_own():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    masks = masks_for(units)
    table = ablate(model, asked, units, masks)
    logit = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=asked.target_function.target_ids)
    other = evolve(asked, target_function=logit)
    some = ablate(model, other, units, masks[:2], table=table)
    assert some.forwards - table.forwards <= 1 + 2, "the masks that are asked for, and the clean pass"
    grown = ablate(model, other, units, masks, table=some)
    assert {LOG_PROBABILITY, target_function_name(asked.target_function), target_function_name(logit)} == set(
        grown.values
    )
    fresh = ablate(model, other, units, masks)
    name = target_function_name(logit)
    np.testing.assert_array_equal(some.values_of(masks), table.values_of(masks))
    np.testing.assert_allclose(some.values_of(masks[:2], name), fresh.values_of(masks[:2], name), rtol=1e-12)
    with pytest.raises(InputError, match="10 of 12 masks are not in the table of 2 rows"):
        some.values_of(masks, name)
    method = Lime(baseline="unk")
    np.testing.assert_array_equal(
        some.solve(method, of=name), some.solve(method, of=name, masks=some.masks[some.rows_of(name)])
    )
    np.testing.assert_allclose(grown.values_of(masks, name), fresh.values_of(masks, name), rtol=1e-12)


def test_joined_tables_keep_every_quantity_in_the_rows_that_were_run_for_it(tmp_path):
    model, asked = setup("decoder-only")
    units = units_of(asked)
    masks = masks_for(units, 9)
    name = target_function_name(asked.target_function)
    both = quantities(asked)
    one = ablate(model, asked, units, masks[:6], wanted={LOG_PROBABILITY: both[LOG_PROBABILITY]})
    other = ablate(model, asked, units, masks[3:], wanted={name: both[name]})
    joined = one.joined(other)
    joined.save(tmp_path / "table.npz")
    for table in (joined, AblationTable.load(tmp_path / "table.npz")):
        assert len(table) == len(np.unique(masks, axis=0))
        np.testing.assert_array_equal(table.values_of(masks[:6]), one.values_of(masks[:6]))
        np.testing.assert_array_equal(table.values_of(masks[3:], name), other.values_of(masks[3:], name))
        with pytest.raises(InputError, match="not in the table"):
            table.values_of(masks[6:])
        with pytest.raises(InputError, match="not in the table"):
            table.values_of(masks[:3], name)
    kept = joined.only([name])
    np.testing.assert_array_equal(kept.masks[kept.find(other.masks)], other.masks)
    assert len(kept) == len(other)


def test_tables_of_different_questions_do_not_mix():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    table = ablate(model, asked, units, masks_for(units))
    with pytest.raises(InputError, match="another input, model, unit or baseline"):
        ablate(model, asked, units, masks_for(units), table=table, baseline="pad")


def test_contrasts_are_recorded_and_solved_afterwards():
    model, asked = setup("decoder-only")
    contrast = np.roll(asked.target_function.target_ids, 1)
    asked = evolve(asked, target_function=evolve(asked.target_function, contrast_ids=contrast))
    units = units_of(asked)
    method = FeatureAblation(baseline="unk")
    table = ablate(model, asked, units, method.plan(units))
    swapped = evolve(
        asked, target_function=TargetFunction(function=asked.target_function.function, target_ids=contrast)
    )
    direct = ablate(model, swapped, units, method.plan(units))
    np.testing.assert_allclose(
        table.solve(method, of=CONTRAST_LOG_PROBABILITY), direct.solve(method, of=LOG_PROBABILITY), atol=1e-12
    )


def test_spans_are_solved_without_a_pass_and_equal_the_sum_of_their_steps():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    method = ExactShapley(baseline="unk")
    table = ablate(model, asked, units, method.plan(units))
    steps = table.solve(method)
    first, end = int(asked.steps[0]), int(asked.steps[-1]) + 1
    spans = table.solve(method, spans=[(first, end), (first, first + 1)])
    np.testing.assert_allclose(spans, np.stack([steps.sum(axis=1), steps[:, 0]], axis=1), atol=1e-12)
    with pytest.raises(InputError, match="none of the explained steps"):
        table.solve(method, spans=[(0, 1)])


def test_a_method_and_its_table_agree():
    model, asked = setup("decoder-only")
    method = KernelShap(n_samples=30, seed=4, baseline="unk")
    (scores,) = method.attribute(model, [asked], no_progress)
    units = units_of(asked)
    masks = method.plan(units, np.random.default_rng(4))
    table = ablate(model, asked, units, masks)
    solved = table.solve(method, of=target_function_name(asked.target_function), masks=masks)
    np.testing.assert_allclose(scores.target[: len(units)], solved, atol=1e-12)


def test_groups_of_steps_are_one_output():
    model, asked = setup("encoder-decoder")
    groups = np.zeros(len(asked.steps), np.int64)
    whole = evolve(asked, target_function=evolve(asked.target_function, groups=groups))
    (single,) = Occlusion(baseline="unk").attribute(model, [asked], no_progress)
    (summed,) = Occlusion(baseline="unk").attribute(model, [whole], no_progress)
    np.testing.assert_allclose(summed.source[:, 0], single.source.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(summed.target[:, 0], single.target.sum(axis=1), atol=1e-12)


def test_step_scores_come_from_the_clean_pass_that_is_made_anyway():
    model, asked = setup("decoder-only")
    asked = evolve(asked, scores=quantities(asked))
    meter, tally = counting(model)
    (scores,) = Occlusion(baseline="unk").attribute(meter, [asked], no_progress)
    np.testing.assert_allclose(
        scores.step_scores[LOG_PROBABILITY],
        ablate(model, asked, units_of(asked), np.ones((1, len(units_of(asked))), bool)).clean[LOG_PROBABILITY],
    )
    assert tally.forward_rows == 1 + len(units_of(asked))


def test_files_keep_everything(tmp_path):
    model, asked = setup("encoder-decoder")
    units = units_of(asked, "word")
    table = ablate(model, asked, units, masks_for(units))
    table.save(tmp_path / "table.npz")
    back = AblationTable.load(tmp_path / "table.npz")
    assert (back.question_hash, back.baseline, back.forwards) == (table.question_hash, "unk", table.forwards)
    assert set(back.values) == set(table.values)
    np.testing.assert_array_equal(back.values_of(table.masks), table.values_of(table.masks))
    np.testing.assert_array_equal(back.solve(Lime(baseline="unk")), table.solve(Lime(baseline="unk")))
    assert not list(tmp_path.rglob("*.part"))


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "table.npz"
    path.write_bytes(b"PK\x03\x04 no")
    with pytest.raises(FileFormatError, match="not an ablation table"):
        AblationTable.load(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(FileFormatError, match="not an ablation table"):
        AblationTable.load(path)


def damaged(path):
    """The same file, damaged in many ways."""
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        broken = bytearray(whole)
        broken[place : place + 8] = bytes(byte ^ 0x5A for byte in broken[place : place + 8])
        yield bytes(broken)
        yield whole[:place]


def foreign(path):
    """Files of arrays that are something else."""
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    yield file.getvalue()
    for header in (
        b"[]",
        b"{}",
        b"3",
        b"no",
        b'{"format": ["wherefrom.ablation/1"]}',
        b'{"format": "wherefrom.ablation/1"}',
    ):
        file = io.BytesIO()
        np.savez(file, header=np.frombuffer(header, dtype=np.uint8), decoder=np.zeros(3))
        yield file.getvalue()
    with np.load(path) as stored:
        arrays = {**stored}
    for name in arrays:
        file = io.BytesIO()
        np.savez(file, **{**arrays, name: arrays[name][:-1]})
        yield file.getvalue()


def test_kept_tables_answer_in_the_units_of_the_call(tmp_path):
    """Units that remove the same may be cut otherwise, around tokens which stay as they are, and have another note."""
    model, asked = setup("decoder-only")
    units = units_of(asked)
    first, *others = units.members
    wider = evolve(units, members=(evolve(first, start=first.start - 1), *others), note="cut by words")
    masks = masks_for(units)
    for cut in (units, wider):
        growing = GrowingTable(model, asked, cut, "unk", folder=tmp_path)
        assert growing.ask(masks).units.described() == cut.described()
        assert growing.ask(masks).units.note == cut.note
    assert growing.forwards == 0


def test_every_damage_to_a_table_is_told_as_such(tmp_path):
    model, asked = setup("encoder-decoder")
    units = units_of(asked)
    table = ablate(model, asked, units, masks_for(units))
    table.save(tmp_path / "table.npz")
    path = tmp_path / "damaged.npz"
    for broken in (*damaged(tmp_path / "table.npz"), *foreign(tmp_path / "table.npz")):
        path.write_bytes(broken)
        try:
            back = AblationTable.load(path)
        except FileFormatError:
            with pytest.raises(FileFormatError, match=r"damaged\.npz is not an ablation table"):
                AblationTable.load(path)
        else:  # what the zip archive says twice, or does not need
            np.testing.assert_array_equal(back.values_of(table.masks), table.values_of(table.masks))


def test_every_damage_to_weights_of_heads_is_told_as_such(tmp_path):
    weights = HeadWeights(decoder=np.random.default_rng(0).random((2, 3)))
    weights.save(tmp_path / "heads.npz")
    path = tmp_path / "damaged.npz"
    for broken in damaged(tmp_path / "heads.npz"):
        path.write_bytes(broken)
        try:
            back = HeadWeights.load(path)
        except FileFormatError:
            with pytest.raises(FileFormatError, match=r"damaged\.npz holds no weights"):
                HeadWeights.load(path)
        else:
            np.testing.assert_array_equal(back.decoder, weights.decoder)


def test_looked_up_words_that_are_damaged_are_looked_up_again(tmp_path):
    table = np.random.default_rng(0).random((30, 4))
    words = np.arange(12)
    looked_up = Neighbours(table, 5, str(tmp_path))
    expected = looked_up.of(words)
    looked_up.save()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for broken in (*damaged(path), *foreign(path)):
        path.write_bytes(broken)
        again = Neighbours(table, 5, str(tmp_path))
        np.testing.assert_array_equal(again.of(words), expected)
        again.save()
        np.testing.assert_array_equal(Neighbours(table, 5, str(tmp_path)).of(words), expected)
        path.write_bytes(whole)


def test_a_tables_folder_that_cannot_be_written_costs_no_scores(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    model, asked = setup("decoder-only")
    (expected,) = Lime(baseline="unk").attribute(model, [asked], no_progress)
    monkeypatch.setattr(AblationTable, "save", full)
    with pytest.warns(WherefromWarning, match="nothing more is kept") as told:
        (found,) = Lime(tables=str(tmp_path), baseline="unk").attribute(model, [asked], no_progress)
    assert len(told) == 1
    np.testing.assert_array_equal(found.target, expected.target)


def test_a_tables_folder_saves_passes(tmp_path):
    model, asked = setup("decoder-only")
    meter, tally = counting(model)
    folder = str(tmp_path / "new" / "deep")
    (first,) = Lime(tables=folder, baseline="unk").attribute(meter, [asked], no_progress)
    ran = tally.forward_rows
    (again,) = Lime(tables=folder, baseline="unk").attribute(meter, [asked], no_progress)
    assert tally.forward_rows == ran
    np.testing.assert_array_equal(first.target, again.target)
    (more,) = Lime(tables=folder, n_samples=80, baseline="unk").attribute(meter, [asked], no_progress)
    (fresh,) = Lime(n_samples=80, baseline="unk").attribute(model, [asked], no_progress)
    np.testing.assert_allclose(more.target, fresh.target, atol=1e-12)
    assert len(list(tmp_path.rglob("*"))) == 3


def test_another_target_function_costs_its_own_passes_and_drops_none(tmp_path):
    model = ReferenceModel("decoder-only")
    asked = question(model, "the cat sat on the mat and the dog", "a dog slept on the mat")
    logit = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=asked.target_function.target_ids)
    other = evolve(asked, target_function=logit)
    many = KernelShap(n_samples=100, baseline="unk", units="token")
    few = Occlusion(baseline="unk", units="token")
    within = evolve(few, budget=5)

    def ran(method, question):
        (scores,) = evolve(method, tables=str(tmp_path)).attribute(model, [question], no_progress)
        (alone,) = method.attribute(model, [question], no_progress)
        np.testing.assert_allclose(scores.target, alone.target, atol=1e-12)
        assert scores.details["forwards"] <= alone.details["forwards"]
        return scores.details["forwards"]

    assert ran(many, asked) > ran(few, other) > 0
    assert 0 < ran(within, asked) <= 5
    assert 0 < ran(within, other) <= 5
    assert [ran(many, asked), ran(few, other), ran(within, asked), ran(within, other)] == [0, 0, 0, 0]


def test_kept_tables_answer_for_their_own_model_and_function_alone(tmp_path):
    model, asked = setup("decoder-only")
    other = ReferenceModel("decoder-only", seed=1)
    method = FeatureAblation(tables=str(tmp_path), baseline="unk")
    doubled = step_function_of(lambda prediction: 2 * prediction.at_target(prediction.logits))()
    tripled = step_function_of(lambda prediction: 3 * prediction.at_target(prediction.logits))()
    for who in (model, other):
        for function in (doubled, tripled):
            put = evolve(asked, target_function=evolve(asked.target_function, function=function))
            (kept,) = method.attribute(who, [put], no_progress)
            (fresh,) = evolve(method, tables=None).attribute(who, [put], no_progress)
            np.testing.assert_allclose(kept.target, fresh.target, atol=1e-12)


def test_nothing_is_kept_of_models_that_cannot_be_told(tmp_path):
    model, asked = setup("decoder-only")
    bare = only(model, SequenceModel, PredictsSteps)
    (scores,) = FeatureAblation(tables=str(tmp_path), baseline="unk").attribute(bare, [asked], no_progress)
    assert "gives no fingerprint" in " ".join(scores.warnings)
    assert not list(tmp_path.iterdir())
    units = units_of(asked)
    table = ablate(bare, asked, units, masks_for(units))
    ablate(bare, asked, units, masks_for(units, seed=1), table=table)
    with pytest.raises(InputError, match="another input, model"):
        ablate(only(model, SequenceModel, PredictsSteps), asked, units, masks_for(units), table=table)


def test_functions_that_cannot_be_told_are_not_kept(tmp_path):
    model, asked = setup("decoder-only")
    factors = iter([2.0] * 100)
    moody = step_function_of(lambda prediction: next(factors) * prediction.at_target(prediction.logits))()
    asked = evolve(asked, target_function=evolve(asked.target_function, function=moody))
    FeatureAblation(tables=str(tmp_path), baseline="unk").attribute(model, [asked], no_progress).__next__()
    (path,) = tmp_path.iterdir()
    assert set(AblationTable.load(path).values) == {LOG_PROBABILITY}


@pytest.mark.parametrize(
    "method",
    [
        KernelShap(n_samples="auto", tolerance=0.05, max_samples=500, baseline="unk", units="token"),
        Occlusion(budget=4, baseline="unk", units="token"),
        KernelShap(budget=12, n_samples=64, baseline="unk", units="token"),
    ],
)
def test_kept_tables_change_no_answer_and_cost_no_samples(method, tmp_path):
    model = ReferenceModel("encoder-decoder")
    asked = question(model, "the cat sat on the mat and the dog", "a dog slept on the mat")
    (alone,) = method.attribute(model, [asked], no_progress)
    tables = str(tmp_path)
    meter, tally = counting(model)
    for before in (Lime(n_samples=300, baseline="unk"), Lime(n_samples=60, units="sentence", baseline="unk"), method):
        list(evolve(before, tables=tables).attribute(meter, [asked], no_progress))
    ran = tally.forward_rows
    (after,) = evolve(method, tables=tables).attribute(meter, [asked], no_progress)
    np.testing.assert_array_equal(after.target, alone.target)
    np.testing.assert_array_equal(after.source, alone.source)
    assert after.details["forwards"] == tally.forward_rows - ran < alone.details["forwards"]
    assert after.details["forwards_without_tables"] == alone.details["forwards"]
    assert after.details["units"] == alone.details["units"]
    assert after.details.get("standard_error") == alone.details.get("standard_error")


@pytest.mark.parametrize("more", [{}, {"contrast_ids": np.array([3, 4, 5])}])
def test_a_log_probability_that_is_explained_is_recorded_once(more):
    _, asked = setup("decoder-only", function=Probability(logprob=True), **more)
    names = (LOG_PROBABILITY, CONTRAST_LOG_PROBABILITY)[: 1 + len(more)]
    assert tuple(quantities(asked)) == names
    _, other = setup("decoder-only", function=Probability())
    assert len(quantities(other)) == 2


def test_missing_masks_and_quantities_are_named():
    model, asked = setup("decoder-only")
    units = units_of(asked)
    table = ablate(model, asked, units, np.ones((1, len(units)), bool))
    with pytest.raises(InputError, match="1 of 1 masks are not in the table of 1 rows"):
        table.values_of(np.zeros((1, len(units)), bool))
    with pytest.raises(InputError, match="did not record 'entropy'"):
        table.solve(Lime(baseline="unk"), of="entropy")
    with pytest.raises(ShapeError, match=r"for 7 units; expected \(samples, 7\)"):
        ablate(model, asked, units, np.ones((1, 2), bool))


def test_embeddings_are_asked_for_before_any_pass():
    model, asked = setup("decoder-only")
    remote, tally = counting(only(model, SequenceModel, PredictsSteps))
    with pytest.raises(ModelCapabilityError, match="needs a model that can turn ids into the embeddings"):
        Occlusion(baseline="zero").attribute(remote, [asked], no_progress)
    assert not tally.forward_rows
    (scores,) = Occlusion(baseline="unk").attribute(remote, [asked], no_progress)
    assert scores.target.any()


def test_tokens_that_are_not_there_are_refused():
    model, _ = setup("decoder-only")
    with pytest.raises(SettingsError, match="no token id"):
        check_baseline(10**6, model, "occlusion")
    with pytest.raises(SettingsError, match=r"has no such token. Use a token id or one of unk, zero"):
        check_baseline("mask", game(GAMES["or"], 3)[0], "occlusion")
