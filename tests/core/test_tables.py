"""Results as tables and as objects of other libraries."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from wherefrom.errors import InputError, MissingDependencyError, SettingsError
from wherefrom.results import dataset_card, save_dataset
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance

from tests.core.made import attribution
from tests.needed import needed

TARGET = ["<s>", " a", ' "b",\n', " c"]


def result(**settings: object) -> Attributions:
    return Attributions(
        sequence_attributions=(
            attribution(["x", "y"], TARGET, 1, id="one", **settings),
            attribution(["z"], TARGET, 2, seed=1, **settings),
        ),
        provenance=Provenance(model={"name": "demo|lm"}, method={"name": "made", "settings": {"n": 5}}),
    )


def rows_expected() -> int:
    return 2 * 3 + (1 + 2 + 3) + 1 * 2 + (2 + 3)


def test_pandas_has_a_row_for_every_visible_score() -> None:
    made = result()
    frame = made.to_pandas()
    assert len(frame) == rows_expected()
    assert list(frame.columns) == [
        "example",
        "id",
        "method",
        "output_index",
        "output_token",
        "side",
        "input_index",
        "input_token",
        "score",
    ]
    for _, part in frame.groupby(["example", "side"]):
        assert part.output_index.is_monotonic_increasing
    for row in frame.itertuples():
        one = made[row.example]
        scores = one.source_attributions if row.side == "source" else one.target_attributions
        tokens = one.source if row.side == "source" else one.target
        assert row.score == scores[row.input_index, row.output_index - one.attr_pos_start]
        assert row.input_token == tokens[row.input_index].text
        assert row.output_token == one.target[row.output_index].text
        assert row.side == "source" or row.input_index < row.output_index


def test_raw_scores_have_a_column_per_dimension() -> None:
    made = result(sizes=(2, 3))
    frame = made.to_pandas()
    assert len(frame) == 6 * rows_expected()
    last = frame[frame.example == 0].iloc[-1]
    scores = made[0].target_attributions
    assert last.score == scores[last.input_index, last.output_index - 1, last.layer, last["head"]]
    mixed = made.replace(sequence_attributions=(made[0], made[1].aggregate()))
    with pytest.raises(InputError, match="differ in dimensions"):
        mixed.to_pandas()


def test_step_scores_have_a_row_per_explained_token() -> None:
    made = result()
    made = made.replace(sequence_attributions=(made[0], made[1].replace(step_scores={"logit": np.float32([1, 2])})))
    frame = made.to_pandas(steps=True)
    assert list(frame.columns[-3:]) == ["probability", "entropy", "logit"]
    assert len(frame) == 5
    np.testing.assert_array_equal(frame.entropy[:3], made[0].step_scores["entropy"])
    assert frame.entropy[3:].isna().all()


def test_polars_arrow_and_data_sets_hold_the_same() -> None:
    needed("polars", "extras")
    made = result()
    expected = made.to_pandas()
    for frame in (made.to_polars().to_pandas(), made.to_arrow().to_pandas(), made.to_dataset().to_pandas()):
        assert list(frame.columns) == list(expected.columns)
        np.testing.assert_array_equal(frame.score.astype(np.float32), expected.score)
        assert frame.input_token.tolist() == expected.input_token.tolist()
        assert frame.id.isna().sum() == expected.id.isna().sum()
    assert "| Model | demo\\|lm |" in made.to_dataset().info.description


def test_files_give_the_numbers_back(tmp_path: Path) -> None:
    made = result()
    made.save_table(tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = made.to_pandas()
    np.testing.assert_array_equal(np.float32([row["score"] for row in rows]), expected.score)
    assert [row["input_token"] for row in rows] == expected.input_token.tolist()
    made.save_table(tmp_path / "scores.parquet")
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(pandas.read_parquet(tmp_path / "scores.parquet").score, expected.score)
    with pytest.raises(InputError, match="overwrite=True"):
        made.save_table(tmp_path / "scores.csv")
    with pytest.raises(SettingsError, match=r"\.csv, \.tsv or \.parquet"):
        made.save_table(tmp_path / "scores.xlsx")


def test_a_data_set_folder_has_a_card_and_both_tables(tmp_path: Path) -> None:
    save_dataset(result(), tmp_path / "set")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [
        "README.md",
        "scores.parquet",
        "steps.parquet",
    ]
    card = dataset_card(result())
    assert "n=5" in card
    assert "none (raw scores)" in card


def test_a_data_set_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    unlike = (attribution(["a"], ["<s>", " b"], 1), attribution(["a"], ["<s>", " b"], 1, sizes=(4,)))
    folder = tmp_path / "set"
    with pytest.raises(InputError, match="differ in dimensions"):
        save_dataset(Attributions(sequence_attributions=unlike), folder)
    assert not folder.exists()
    one = Attributions(sequence_attributions=unlike[:1])
    save_dataset(one, folder)
    for name in ("scores.parquet", "steps.parquet", "README.md"):
        kept = {path.name for path in folder.iterdir()} - {name}
        before = (folder / name).read_bytes()
        for path in folder.iterdir():
            if path.name != name:
                path.unlink()
        with pytest.raises(InputError, match=f"{name} is there already"):
            save_dataset(one, folder)
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_bytes() == before
        (folder / name).unlink()
        save_dataset(one, folder)
        assert {path.name for path in folder.iterdir()} == kept | {name}
    with pytest.raises(SettingsError, match="can be no folder"):
        save_dataset(one, folder / "README.md")


def test_an_empty_result_is_an_empty_table() -> None:
    assert len(Attributions(sequence_attributions=()).to_pandas()) == 0


@pytest.mark.parametrize(
    "method, module, line",
    [
        ("to_pandas", "pandas", r"pip install 'wherefrom\[pandas\]'"),
        ("to_polars", "polars", r"pip install 'wherefrom\[polars\]'"),
        ("to_arrow", "pyarrow", r"pip install 'wherefrom\[arrow\]'"),
        ("to_dataset", "datasets", r"pip install 'wherefrom\[datasets\]'"),
    ],
)
def test_a_missing_library_is_named_with_its_install_line(
    method: str, module: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=line):
        getattr(result(), method)()


def test_captum_and_shap_get_one_row_per_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, attribute in (("captum.attr", "LLMAttributionResult"), ("shap", "Explanation")):
        module = ModuleType(name)
        setattr(module, attribute, SimpleNamespace)
        monkeypatch.setitem(sys.modules, name, module)
    made = attribution(["x", "y"], TARGET, 2)
    captum, shap = made.to_captum(), made.to_shap([1.0, 2.0])
    assert captum.input_tokens == list(shap.data) == ["x", "y", "<s>", " a", ' "b",\n']
    assert captum.output_tokens == shap.output_names == [' "b",\n', " c"]
    np.testing.assert_array_equal(captum.token_attr[1, :2], made.source_attributions[:, 1])
    np.testing.assert_allclose(captum.seq_attr, shap.values.sum(1), rtol=1e-6)
    np.testing.assert_array_equal(shap.base_values, [1, 2])


@pytest.mark.heavy
def test_captum_takes_the_real_object() -> None:
    pytest.importorskip("captum")
    made = attribution(["x", "y"], TARGET, 2)
    taken = made.to_captum()
    np.testing.assert_allclose(taken.seq_attr[:2], made.source_attributions.sum(1), rtol=1e-5)
    assert taken.token_attr.shape == (2, 5)


HALF = "\ud800a"
"""Half of a surrogate pair, of which no file can have one, and a letter."""


def halves() -> Attributions:
    one = attribution(["x", HALF], ["<s>", HALF], 1, id=HALF, method=HALF)
    return Attributions(
        sequence_attributions=(one.replace(step_scores={HALF: np.array([0.5])}),),
        provenance=Provenance(model={"name": HALF}),
    )


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize("steps", [False, True])
def test_half_a_surrogate_pair_in_tables_is_the_replacement_character(tmp_path: Path, suffix: str, steps: bool) -> None:
    if suffix == "parquet":
        needed("pyarrow", "extras")
    path = tmp_path / f"t.{suffix}"
    halves().save_table(path, steps=steps)
    assert "\ufffda".encode() in path.read_bytes()


@pytest.mark.parametrize("library", ["pandas", "pyarrow", "polars", "datasets"])
def test_other_libraries_are_given_text_that_they_take(library: str) -> None:
    needed(library, "extras")
    made = halves()
    ways = {"pandas": made.to_pandas, "pyarrow": made.to_arrow, "polars": made.to_polars, "datasets": made.to_dataset}
    assert str(next(iter(ways[library]()["output_token"]))) == "\ufffda"
    steps = ways[library](steps=True)
    assert "\ufffda" in (steps.column_names if library in ("pyarrow", "datasets") else list(steps.columns))


def test_a_data_set_of_half_a_surrogate_pair_is_written(tmp_path: Path) -> None:
    needed("pyarrow", "extras")
    save_dataset(halves(), tmp_path / "set")
    assert "\ufffda" in (tmp_path / "set/README.md").read_text()
