"""The commands that look at results and at the library, each through the whole command line."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import wherefrom as library
from msgspec.structs import replace
from wherefrom.context import ContextAttribution
from wherefrom.errors import UsageError
from wherefrom.evaluation.bench.standings import Standing
from wherefrom.files import load, runs, write_run
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance
from wherefrom_cli.commands import list_names
from wherefrom_cli.dataset.source import DatasetRequest
from wherefrom_cli.main import load_command, main, modules
from wherefrom_cli.opening import chosen, open_results
from wherefrom_cli.request import ModelRequest

from tests.needed import need_cairo

Run = Callable[..., Any]


def test_list_as_table_names_and_json(wherefrom: Run) -> None:
    names = wherefrom("list", "methods", "--names").out.split()
    assert "saliency" in names
    assert names == sorted(names)
    assert set(json.loads(wherefrom("list", "--json").out)) == {"methods", "step-functions", "aggregators", "adapters"}
    assert "saliency " in wherefrom("list", "methods").out
    lines = wherefrom("list", "adapters", "--jsonl").out.splitlines()
    assert "hf_transformers" in [json.loads(line)["name"] for line in lines]


def test_list_says_what_methods_cost_and_how_they_did(wherefrom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    best = Standing(method="saliency", spec="saliency", rank=7, mean_rank=7.5, better_than_recency=True)
    monkeypatch.setattr(list_names, "standings", lambda: {"saliency": best})
    table = wherefrom("list", "methods").out
    assert table.splitlines()[0].split() == ["method", "cost", "rank"]
    (row,) = [line for line in table.splitlines() if line.startswith("  saliency ")]
    assert "1 forward, s backward" in row
    assert "  7     " in row
    lines = {one["name"]: one for one in map(json.loads, wherefrom("list", "methods", "--jsonl").out.splitlines())}
    assert (lines["saliency"]["cost"], lines["saliency"]["rank"]) == ("1 forward, s backward", 7)
    assert lines["occlusion"]["rank"] is None  # not measured: its column is empty
    assert lines["exact_shapley"]["cost"] == "at most 2^n forward"


def test_list_of_an_unknown_kind(wherefrom: Run) -> None:
    ran = wherefrom("list", "method")
    assert ran.code == 2
    assert "Did you mean 'methods'?" in ran.err


def test_explain_says_definition_settings_source_and_citation(wherefrom: Run) -> None:
    out = wherefrom("explain", "integrated_gradients").out
    for words in ("Settings:", "n_steps", "Source:", "1703.01365", "@misc{", "year   = {2017}"):
        assert words in out
    document = json.loads(wherefrom("explain", "integrated_gradients", "--json").out)[0]
    assert document["kind"] == "methods"


def test_explain_of_nothing(wherefrom: Run) -> None:
    ran = wherefrom("explain", "integrated_gradient")
    assert ran.code == 2
    assert "Did you mean 'integrated_gradients'?" in ran.err


def test_show_prints_the_tokens(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("show", saved)
    assert ran.code == 0
    assert "George" in ran.out
    assert "Mary" in ran.out
    assert "Mary" not in wherefrom("show", saved, "-x", "0").out
    assert len(Attributions.from_bytes(wherefrom("show", saved, "--json", "-x", "-1").out.encode())) == 1


@pytest.mark.parametrize("view", ["matrix", "read", "topk", "steps"])
def test_show_in_every_view(wherefrom: Run, saved: Path, view: str) -> None:
    assert wherefrom("show", saved, "--view", view).code == 0


@pytest.mark.parametrize(
    "words",
    [
        *(("show", *form) for form in ((), ("--json",), ("--jsonl",), ("--view", "steps"))),
        *(("info", *form) for form in ((), ("--json",), ("--jsonl",), ("--as-config",))),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("bad, code", [("missing.json", 2), ("damaged.json", 5)])
def test_nothing_is_printed_before_all_is_opened(
    wherefrom: Run, saved: Path, tmp_path: Path, words: tuple[str, ...], bad: str, code: int
) -> None:
    (tmp_path / "damaged.json").write_text('{"format": "wherefrom"')
    command, *form = words
    ran = wherefrom(command, saved, bad, *form)
    assert (ran.code, ran.out) == (code, "")


@pytest.mark.parametrize("view", ["auto", "trace"])
def test_nothing_is_drawn_before_all_can_be(wherefrom: Run, saved: Path, tmp_path: Path, view: str) -> None:
    assert wherefrom("trace", saved, "--hide", "-o", "traced.json").code == 0
    (tmp_path / "empty.json").write_bytes(Attributions(sequence_attributions=()).to_bytes())
    ran = wherefrom("show", "traced.json", "empty.json" if view == "auto" else saved, "--view", view)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("command", ["show", "info", "explain"])
def test_of_several_one_json_document_is_printed(wherefrom: Run, saved: Path, command: str) -> None:
    several = ("saliency", "occlusion") if command == "explain" else (saved, saved.with_name("again.json"))
    saved.with_name("again.json").write_bytes(saved.read_bytes())
    documents = json.loads(wherefrom(command, *several, "--json").out)
    assert len(documents) == 2
    if command == "show":
        assert documents == [json.loads(wherefrom("show", path, "--json").out) for path in several]


def test_show_of_a_trace_that_is_none(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("show", saved, "--view", "trace")
    assert ran.code == 2
    assert "This result is no trace" in ran.err


def test_show_colours_when_asked(wherefrom: Run, saved: Path) -> None:
    assert "\x1b[" in wherefrom("show", saved, "--color", "always").out
    assert "\x1b[" not in wherefrom("show", saved, "--color", "never").out
    assert "\x1b[" not in wherefrom("show", saved).out


@pytest.mark.parametrize(
    "content,code,said",
    [(None, 2, "nothing at"), ('{"format": "other"}', 5, "no attribution file"), ("{", 5, "bad.json")],
)
def test_show_of_a_bad_file(wherefrom: Run, tmp_path: Path, content: str | None, code: int, said: str) -> None:
    if content is not None:
        (tmp_path / "bad.json").write_text(content)
    ran = wherefrom("show", "bad.json")
    assert ran.code == code
    assert said in ran.err


@pytest.mark.parametrize("place", ["2", "\u00b2", "-\u2460"])
def test_example_that_is_not_there(wherefrom: Run, saved: Path, place: str) -> None:
    ran = wherefrom("show", saved, f"-x={place}")
    assert ran.code == 2
    assert "There are 2" in ran.err


def test_info_tells_how_it_was_made(wherefrom: Run, saved: Path) -> None:
    assert "method.name: saliency" in wherefrom("info", saved).out
    document = json.loads(wherefrom("info", saved, "--json").out)[0]
    assert document["examples"] == 2
    assert document["provenance"]["model"]["name"] == "demo:lm"


def test_info_is_strict_json_whatever_was_set(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    out = Attributions.load(saved)
    made = replace(out.provenance, generation_args={"temperature": float("nan"), "top_p": float("inf")})
    out.replace(provenance=made).save(tmp_path / "one.json")
    for form in ("--json", "--jsonl"):
        told = wherefrom("info", "one.json", form)
        assert told.code == 0, told.err
        assert "NaN" not in told.out
        assert "Infinity" not in told.out


def test_info_as_config_asks_for_the_same_again(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    text = wherefrom("info", saved, "--as-config").out
    assert tomllib.loads(text)["attribute"]["attribution-method"] == "saliency"
    (tmp_path / "again.toml").write_text(text)
    ran = wherefrom(
        "attribute", "--config-file", "again.toml", "-i", "George was sick yesterday.", "Mary was hungry.", "--json"
    )
    first, again = Attributions.load(saved), Attributions.from_bytes(ran.out.encode())
    assert again.provenance.method == first.provenance.method
    np.testing.assert_allclose(again[0].target_attributions, first[0].target_attributions, rtol=1e-5, atol=1e-8)


def test_info_as_config_asks_for_every_argument(wherefrom: Run, tmp_path: Path) -> None:
    said = ("-i", "George was sick", "-g", "George was sick. He was")
    asked = {"contrast_force_inputs": True}
    other = ("--contrast-targets", "George was sick. She was")
    made = wherefrom(
        *("attribute", "-m", "demo:lm", *said, "--dtype", "float64", "-a", "occlusion", "--units", "word", "--hide"),
        *("-fn", "contrast_prob_diff", "--attribution-kwargs", json.dumps(asked), "--no-keep-special", "--check"),
        *("-o", "one.json", *other),
    )
    assert made.code == 0, made.err
    (tmp_path / "again.toml").write_text(wherefrom("info", "one.json", "--as-config").out)
    ran = wherefrom("attribute", "--config-file", "again.toml", *said, "--hide", "-o", "two.json")
    assert ran.code == 0, ran.err
    one, two = (Attributions.load(tmp_path / name) for name in ("one.json", "two.json"))
    assert two[0] == one[0]
    assert two.provenance.arguments == one.provenance.arguments
    assert two.provenance.model == one.provenance.model


def test_info_as_config_tells_what_merged_results_do_not_share(wherefrom: Run) -> None:
    asked = ("attribute", "-m", "demo:lm", "-a", "dummy", "--hide", "-i", "George was sick yesterday.")
    for name, more in (("a", ("2", "--seed", "1", "--start-pos", "7")), ("b", ("3", "--seed", "2"))):
        ran = wherefrom(*asked, "-o", f"{name}.json", "--max-new-tokens", *more)
        assert ran.code == 0, ran.err
    assert wherefrom("merge", "a.json", "b.json", "-o", "both.json").code == 0
    told = wherefrom("info", "both.json", "--as-config").out
    section = tomllib.loads(told)["attribute"]
    assert {"generation-kwargs", "seed", "start-pos"}.isdisjoint(section)
    assert "different values of attr_pos_start, generation_args.max_new_tokens, seed" in told
    assert "different values" not in wherefrom("info", "a.json", "--as-config").out


@pytest.mark.parametrize("target", ["yes", "no"])
def test_info_as_config_says_whether_the_prefix_is_explained(wherefrom: Run, tmp_path: Path, target: str) -> None:
    said = ("-i", "Marie sees the green car.")
    asked = ("-m", "demo:mt", "-a", "saliency", "--attribute-target", target, "--hide", "-o", "one.json")
    assert wherefrom("attribute", *said, *asked).code == 0
    (tmp_path / "again.toml").write_text(wherefrom("info", "one.json", "--as-config").out)
    assert wherefrom("attribute", "--config-file", "again.toml", *said, "--hide", "-o", "two.json").code == 0
    one, two = (Attributions.load(tmp_path / name) for name in ("one.json", "two.json"))
    assert two[0] == one[0]
    assert (one[0].target_attributions is None) == (target == "no")


def test_info_as_config_tells_contrasts_that_only_some_examples_have(wherefrom: Run, tmp_path: Path) -> None:
    model = library.load_model("demo:lm")
    out = model.attribute(
        ["Mary was sick", "Mary was hungry"],
        ["Mary was sick. She was at home", "Mary was hungry. She was at home"],
        "saliency",
        attributed_fn="contrast_prob_diff",
        contrast_targets=["Mary was sick. He was at home", None],
        show_progress=False,
    )
    for name, part in (("all.json", out), ("first.json", out[:1])):
        part.save(tmp_path / name)
    told = wherefrom("info", "all.json", "--as-config")
    assert "contrast-targets" not in tomllib.loads(told.out)["attribute"]
    assert "Only some of its examples have a contrast" in told.out + told.err
    told = wherefrom("info", "first.json", "--as-config")
    assert tomllib.loads(told.out)["attribute"]["contrast-targets"] == ["Mary was sick. He was at home"]


@pytest.mark.parametrize(
    "reduce, options",
    [
        (None, {}),
        ("normalize", {"normalize-attributions": True}),
        (["sum", "rescale"], None),
        ([("scores", "sum")], {"attribution-aggregators": ["sum"], "normalize-attributions": True}),
    ],
)
def test_info_as_config_reduces_cues_again(
    wherefrom: Run, tmp_path: Path, reduce: Any, options: dict[str, Any] | None
) -> None:
    out = library.attribute_context(
        library.load_model("demo:lm"),
        "His colleagues asked him to come",
        "George was sick yesterday.",
        output="to the hospital.",
        method="input_x_gradient" if reduce and reduce != "normalize" else "occlusion",
        attribution_aggregators=reduce,
        support_unit="none",
        show_progress=False,
    )
    out.save(tmp_path / "one.json")
    told = wherefrom("info", "one.json", "--as-config")
    section = tomllib.loads(told.out)["attribute-context"]
    if options is not None:
        assert {name: value for name, value in section.items() if name in REDUCTIONS} == options
    (tmp_path / "again.toml").write_text(told.out)
    ran = wherefrom("attribute-context", "--config-file", "again.toml", "-o", "two.json", "--no-show-viz")
    assert ran.code == 0, ran.err
    again = library.ContextAttribution.load(tmp_path / "two.json")
    assert again.provenance.arguments == out.provenance.arguments
    np.testing.assert_allclose(
        again.cci_scores[0].input_context_scores, out.cci_scores[0].input_context_scores, atol=1e-5
    )


SAID = ("-i", "George was sick", "-g", "George was sick. He was")


@pytest.mark.parametrize(
    "asked, options",
    [
        (("-a", "saliency"), {}),
        (("-a", "saliency", "--aggregate-output"), {"aggregate-output": True}),
        (("-a", "saliency", "--rescale-attributions"), {"rescale-attributions": True}),
        (
            ("-a", "saliency", "--attribution-aggregators", "vnorm", "normalize", "--rescale-attributions"),
            {"attribution-aggregators": ["vnorm", "normalize"], "rescale-attributions": True},
        ),
        (("-a", "occlusion", "--normalize-attributions"), {"normalize-attributions": True}),
        (
            ("-a", "attention", "--attribution-aggregators", "max", "mean", "subwords", "--rescale-attributions"),
            {"attribution-aggregators": ["max", "mean", "subwords"], "rescale-attributions": True},
        ),
        (
            ("-a", "attention", "--attribution-aggregators", "mean", "mean", "--attribution-selectors", "1", "0"),
            {"attribution-aggregators": ["mean", "mean"], "attribution-selectors": [1, 0]},
        ),
    ],
)
def test_info_as_config_reduces_scores_again(
    wherefrom: Run, tmp_path: Path, asked: tuple[str, ...], options: dict[str, Any]
) -> None:
    made = wherefrom("attribute", "-m", "demo:lm", *SAID, *asked, "--hide", "-o", "one.json")
    assert made.code == 0, made.err
    told = wherefrom("info", "one.json", "--as-config")
    (tmp_path / "again.toml").write_text(told.out)
    section = tomllib.loads(told.out)["attribute"]
    assert {name: value for name, value in section.items() if name in REDUCTIONS} == options
    ran = wherefrom("attribute", "--config-file", "again.toml", *SAID, "--hide", "-o", "two.json")
    assert ran.code == 0, ran.err
    assert Attributions.load(tmp_path / "two.json")[0] == Attributions.load(tmp_path / "one.json")[0]


REDUCTIONS = (
    *("attribution-aggregators", "attribution-selectors", "normalize-attributions", "rescale-attributions"),
    "aggregate-output",
)


def test_info_as_config_tells_what_no_option_says(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    out = Attributions.load(saved)
    out.aggregate("scores", "vnorm", normalize=True).aggregate("spans", target_spans=[(0, 2)]).save(
        tmp_path / "one.json"
    )
    told = wherefrom("info", "one.json", "--as-config")
    assert not set(tomllib.loads(told.out)["attribute"]) & set(REDUCTIONS)
    assert "reduced in a way that no option says" in told.err


@pytest.mark.parametrize(
    "name, value", [("eos_token_id", None), ("stop_strings", "a\x7fb"), ("bad_words_ids", [[1], None])]
)
def test_info_as_config_is_toml_whatever_was_handed_to_generation(
    wherefrom: Run, saved: Path, tmp_path: Path, name: str, value: Any
) -> None:
    out = Attributions.load(saved)
    given = {name: value, "max_new_tokens": 2}
    made = replace(out.provenance, generation_args=given)
    out.replace(provenance=made).save(tmp_path / "one.json")
    section = tomllib.loads(wherefrom("info", "one.json", "--as-config").out)["attribute"]
    written = section["generation-kwargs"]
    assert (json.loads(written) if isinstance(written, str) else written) == given


def test_passwords_in_addresses_are_told_by_nobody() -> None:
    proxies = {"http": "http://me:sesame@proxy:80/x", "https": ["https://sesame@proxy", "mail me@home"]}
    asked = ModelRequest(name="m", model_kwargs={"proxies": proxies})
    files = DatasetRequest(name="json", files=("https://me:sesame@there/rows.jsonl",))
    bare = {"http": "http://proxy:80/x", "https": ["https://proxy", "mail me@home"]}
    assert asked.told()["model_kwargs"] == asked.identity()["model_kwargs"] == {"proxies": bare}
    assert files.told()["files"] == ("https://there/rows.jsonl",)


def test_info_as_config_loads_the_model_as_it_was(wherefrom: Run, tmp_path: Path) -> None:
    """Secrets are kept by nobody."""
    loaded = ("--model-kwargs", '{"token": "hf_secret", "local_files_only": true}')
    more = ("--tokenizer-kwargs", '{"padding_side": "left"}')
    made = wherefrom("attribute", "-m", "demo:lm", *SAID, *loaded, *more, "--hide", "-o", "one.json")
    assert made.code == 0, made.err
    assert "hf_secret" not in (tmp_path / "one.json").read_text()
    section = tomllib.loads(wherefrom("info", "one.json", "--as-config").out)["attribute"]
    assert section["model-kwargs"] == {"local_files_only": True}
    assert section["tokenizer-kwargs"] == {"padding_side": "left"}
    out = Attributions.load(tmp_path / "one.json")
    hub = replace(out.provenance, model={**out.provenance.model, "revision": "a" * 40})
    out.replace(provenance=hub).save(tmp_path / "hub.json")
    section = tomllib.loads(wherefrom("info", "hub.json", "--as-config").out)["attribute"]
    assert section["model-kwargs"]["revision"] == "a" * 40


def test_info_as_config_of_a_run(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"said": f"George was {how}", "how": how}) + "\n" for how in ("sick", "ill", "here"))
    )
    asked = ("-m", "demo:lm", "-d", "rows.jsonl", "-in", "said", "--annotations", "how", "-a", "saliency")
    made = wherefrom(
        *("attribute-dataset", *asked, "--shard", "1/2", "--max-new-tokens", "2", "--batch-size", "3", "-o", "one"),
        *("--attribution-aggregators", "sum"),
    )
    assert made.code == 0, made.err
    told = wherefrom("info", "one", "--as-config")
    (tmp_path / "again.toml").write_text(told.out)
    assert list(tomllib.loads(told.out)) == ["attribute-dataset"]
    assert "give -o FOLDER too" in told.err
    ran = wherefrom("attribute-dataset", "--config-file", "again.toml", "-o", "two")
    assert ran.code == 0, ran.err
    one, two = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("one", "two"))
    assert two["fingerprint"] == one["fingerprint"]


CONTEXT = (
    *("attribute-context", "-m", "demo:lm", "-a", "lime", "--set", "n_samples=7", "--seed", "3"),
    *("--input-current-text", "His colleagues asked him to come", "--context-sensitivity-metric", "pcxmi"),
    *("--context-sensitivity-std-threshold", "0.5", "--attribution-topk", "2", "--no-show-viz"),
)


@pytest.mark.parametrize("documents", [False, True])
def test_info_as_config_of_a_context_attribution(wherefrom: Run, tmp_path: Path, documents: bool) -> None:
    (tmp_path / "docs.txt").write_text("George was sick.\nMary was hungry.\n")
    texts = ("--documents", "docs.txt") if documents else ("--input-context-text", "George was sick yesterday.")
    written = ("--document-template", "- {text}") if documents else ()
    made = wherefrom(*CONTEXT, *texts, *written, "-o", "one.json")
    assert made.code == 0, made.err
    told = wherefrom("info", "one.json", "--as-config")
    (tmp_path / "again.toml").write_text(told.out)
    assert list(tomllib.loads(told.out)) == ["attribute-context"]
    assert ("give --documents FILE too" in told.err) == documents
    more = texts if documents else ()
    ran = wherefrom("attribute-context", "--config-file", "again.toml", *more, "-o", "two.json", "--no-show-viz")
    assert ran.code == 0, ran.err
    one, two = (ContextAttribution.load(tmp_path / name) for name in ("one.json", "two.json"))
    assert two.replace(provenance=None) == one.replace(provenance=None)
    bare = wherefrom(*CONTEXT, *texts, *written, "--add-output-info", "no", "-o", "bare.json")
    assert bare.code == 0, bare.err
    told = wherefrom("info", "bare.json", "--as-config")
    assert tomllib.loads(told.out) == {}
    assert "saved without what was asked" in told.err
    assert "give --" not in told.err
    shown = wherefrom("info", "one.json").out
    for fact in (
        "context_sensitivity_std_threshold: 0.5",
        "metric: pcxmi",
        "attribution_topk: 2",
        "template: {current}",
    ):
        assert fact in shown


def test_info_as_config_of_a_context_attribution_reduces_scores_again(wherefrom: Run, tmp_path: Path) -> None:
    asked = ("--input-context-text", "George was sick yesterday.", "-a", "saliency", "--no-show-viz")
    base = ("attribute-context", "-m", "demo:lm", "--input-current-text", "His colleagues asked him to come")
    reduced = ("--attribution-aggregators", "sum", "--rescale-attributions")
    made = wherefrom(*base, *asked, *reduced, "-o", "one.json")
    assert made.code == 0, made.err
    (tmp_path / "again.toml").write_text(wherefrom("info", "one.json", "--as-config").out)
    ran = wherefrom("attribute-context", "--config-file", "again.toml", "-o", "two.json", "--no-show-viz")
    assert ran.code == 0, ran.err
    one, two = (ContextAttribution.load(tmp_path / name) for name in ("one.json", "two.json"))
    assert two.replace(provenance=None) == one.replace(provenance=None)
    plain = wherefrom(*base, *asked, "--aggregate-output", "-o", "three.json")
    assert plain.code == 0, plain.err
    three = ContextAttribution.load(tmp_path / "three.json")
    assert tomllib.loads(wherefrom("info", "three.json", "--as-config").out)["attribute-context"]["aggregate-output"]
    assert three.cci_scores != one.cci_scores


def test_info_as_config_of_a_trace_with_a_model(wherefrom: Run, tmp_path: Path) -> None:
    said = ("-i", "George was sick", "-g", "George was sick. He was at home.", "--hide")
    asked = ("--span", "home", "--hops", "2", "--leave-out", "nothing", "-a", "saliency")
    made = wherefrom("trace", "-m", "demo:lm", *said, *asked, "-o", "one.json")
    assert made.code == 0, made.err
    (tmp_path / "again.toml").write_text(wherefrom("info", "one.json", "--as-config").out)
    ran = wherefrom("trace", "--config-file", "again.toml", *said, "-o", "two.json")
    assert ran.code == 0, ran.err
    one, two = (Attributions.load(tmp_path / name) for name in ("one.json", "two.json"))
    assert two[0] == one[0]
    assert two.provenance.arguments == one.provenance.arguments


def test_info_as_config_of_a_traced_file_has_both_steps(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    assert wherefrom("trace", saved, "--hops", "1", "--signed", "magnitude", "-o", "one.json", "--hide").code == 0
    text = wherefrom("info", "one.json", "--as-config").out
    (tmp_path / "again.toml").write_text(text)
    tables = tomllib.loads(text)
    assert tables["attribute"]["attribution-method"] == "saliency"
    assert wherefrom("trace", saved, "--config-file", "again.toml", "-o", "two.json", "--hide").code == 0
    assert Attributions.load("two.json")[0] == Attributions.load("one.json")[0]


def test_compare_with_itself_agrees(wherefrom: Run, saved: Path) -> None:
    document = json.loads(wherefrom("compare", saved, saved, "--json").out)
    assert len(document["examples"]) == 2
    for example in document["examples"]:
        assert example["agreement"] == pytest.approx(1.0)
        assert example["largest_difference"] == 0
    assert "1.000" in wherefrom("compare", saved, saved).out
    drawn = wherefrom("compare", saved, saved, "-x", 0).out
    assert "George" in drawn
    assert " · demo:lm" in drawn.split("\n")[0], "what is drawn says how both were made"


def test_scores_that_are_no_numbers_are_counted_and_are_no_differences(
    wherefrom: Run, saved: Path, tmp_path: Path
) -> None:
    out = Attributions.load(saved).aggregate()
    one = out[0]
    scores = np.array(one.target_attributions, dtype=np.float64)
    row = int(np.argmax(np.abs(scores[:, 0])))
    scores[row, 0] = np.nan
    out.replace(sequence_attributions=(one.replace(target_attributions=scores), out[1])).save(tmp_path / "lost.json")
    out.save(tmp_path / "whole.json")
    ran = wherefrom("compare", "whole.json", "lost.json", "--normalize", "none", "--json")
    assert ran.code == 0
    first, second = json.loads(ran.out)["examples"]
    assert (first["largest_difference"], first["not_finite"]) == (0, 1)
    assert (second["largest_difference"], second["not_finite"]) == (0, 0)
    assert "1 of the compared scores are no finite numbers in one of the two" in ran.err
    assert "no finite numbers" not in wherefrom("compare", saved, saved).err


def test_examples_of_one_id_are_compared_in_order_and_shown_by_place(
    wherefrom: Run, saved: Path, tmp_path: Path
) -> None:
    """Files of before may hold them."""
    out = Attributions.load(saved)
    twice = out.replace(sequence_attributions=tuple(one.replace(id="a") for one in out))
    twice.save(tmp_path / "twice.json")
    told = json.loads(wherefrom("compare", "twice.json", "twice.json", "--json").out)
    assert [one["agreement"] for one in told["examples"]] == pytest.approx([1.0, 1.0])
    refused = wherefrom("show", "twice.json", "-x", "a")
    assert refused.code == 2
    assert "2 examples are called 'a'" in refused.err
    assert wherefrom("show", "twice.json", "-x", "1").code == 0


@pytest.mark.parametrize("more", [(), ("--limit", "3")])
@pytest.mark.parametrize(
    "command", [("export", "run", "--site", "out"), ("export", "run", "-o", "out.svg"), ("show", "run", "--json")]
)
def test_damaged_examples_of_a_run_are_left_out_whatever_is_asked(
    wherefrom: Run, saved: Path, tmp_path: Path, command: tuple[str, ...], more: tuple[str, ...]
) -> None:
    first, second = Attributions.load(saved)
    write_run(tmp_path / "run", [first.replace(id="a"), second.replace(id="b"), second.replace(id="c")])
    (part,) = (tmp_path / "run").glob("part-*.jsonl")
    part.write_bytes(part.read_bytes().replace(b'"id":"b"', b'"id":"x"'))
    ran = wherefrom(*command, *more)
    assert ran.code == 0, ran.err
    assert ran.err.count("the line is damaged") == 1
    if "--site" in command:
        assert "Wrote 2 examples" in ran.err
    if command[0] == "show":
        assert [one["id"] for one in json.loads(ran.out)["examples"]] == ["a", "c"]
        refused = wherefrom(*command, "-x", "b")
        assert refused.code == 5
        assert "the line is damaged" in refused.err


@pytest.mark.parametrize("more", [(), ("--limit", "2")])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "command", [("compare", "--json"), ("evaluate", "-m", "demo:lm", "--draws", "1", "--dry-run", "--metrics", "abpc")]
)
def test_damaged_examples_of_a_run_are_left_out_on_both_sides(
    wherefrom: Run, saved: Path, tmp_path: Path, command: tuple[str, ...], more: tuple[str, ...], named: bool
) -> None:
    """Examples without ids are paired by place, and none moves into that of a damaged one."""
    first, second = Attributions.load(saved)
    examples = [first, second.replace(method="none"), second]
    ids = ["a", "b", "c"] if named else [None] * 3
    for name in ("run", "other"):
        write_run(tmp_path / name, [one.replace(id=id) for one, id in zip(examples, ids, strict=True)])
    (part,) = (tmp_path / "run").glob("part-*.jsonl")
    part.write_bytes(part.read_bytes().replace(b'"method":"none"', b'"method":"gone"'))
    ran = wherefrom(command[0], "run", "other", *command[1:], *more)
    assert ran.code == 0, ran.err
    assert ran.err.count("the line is damaged") == 1
    if command[0] == "compare":
        told = [(one["example"], one["agreement"]) for one in json.loads(ran.out)["examples"]]
        names = ["a", "c"] if named else ["#1", "#2"]
        assert told == [(name, pytest.approx(1)) for name in names[: 1 if more else 2]]
        assert ("Without a partner, and left out: 1 of other." in ran.err) is named
        assert "other outputs" not in ran.err
        assert "different input" not in ran.err


@pytest.fixture(scope="module")
def minimal_pairs() -> Attributions:
    """One prompt, three endings, of which the second is the shortest."""
    prompt = "Mary stayed at home because"
    targets = [f"{prompt} {said}" for said in ("she was sick", "she was", "he was sick")]
    return library.load_model("demo:lm").attribute([prompt] * 3, targets, show_progress=False)


@pytest.mark.parametrize("turned", [False, True])
def test_examples_of_which_some_have_no_id_are_compared_by_those_that_do(
    wherefrom: Run, tmp_path: Path, minimal_pairs: Attributions, turned: bool
) -> None:
    """A run calls those without an id by their place, and has short texts first."""
    names = ("a", None, "c")
    rows = [one.replace(id=name) for name, one in zip(names, minimal_pairs, strict=True)]
    minimal_pairs.replace(sequence_attributions=tuple(rows)).save(tmp_path / "file.json")
    write_run(tmp_path / "run", [rows[1].replace(id="1"), rows[2], rows[0]])
    paths = ("file.json", "run") if turned else ("run", "file.json")
    for more, pairs in (((), {"a", "c"}), (("--limit", "1"), {"a"} if turned else {"c"}), (("-x", "a"), {"a"})):
        ran = wherefrom("compare", *paths, *more, "--json")
        assert ran.code == 0, ran.err
        told = json.loads(ran.out)["examples"]
        assert {one["example"] for one in told} == pairs
        assert all(one["agreement"] == pytest.approx(1) for one in told)
    ran = wherefrom("compare", *paths, "-x", "#2" if turned else "#1")
    assert ran.code == 2
    assert "There is no example" in ran.err


@pytest.mark.parametrize("more", [(), ("--limit", "2"), ("-x", "0", "2")])
@pytest.mark.parametrize("turned", [False, True])
def test_a_run_is_compared_with_a_file_of_the_same_data_without_ids(
    wherefrom: Run, tmp_path: Path, minimal_pairs: Attributions, turned: bool, more: tuple[str, ...]
) -> None:
    """A run has short texts first, and calls those without an id by their place."""
    minimal_pairs.save(tmp_path / "file.json")
    write_run(tmp_path / "run", [minimal_pairs[place].replace(id=str(place)) for place in (1, 2, 0)])
    paths = ("file.json", "run") if turned else ("run", "file.json")
    ran = wherefrom("compare", *paths, *more, "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)["examples"]
    assert [(one["agreement"], one["largest_difference"]) for one in told] == [
        (pytest.approx(1), pytest.approx(0, abs=1e-6))
    ] * (2 if more else 3)
    assert "other outputs" not in ran.err
    if more:
        ran = wherefrom("evaluate", "-m", "demo:lm", *paths, *more, "--metrics", "abpc", "--draws", "1", "--dry-run")
        assert ran.code == 0, ran.err


def test_compare_tells_which_pairs_explain_other_outputs(
    wherefrom: Run, tmp_path: Path, minimal_pairs: Attributions
) -> None:
    minimal_pairs.save(tmp_path / "one.json")
    minimal_pairs.at([2, 1, 0]).save(tmp_path / "two.json")
    asked = ("compare", "one.json", "two.json")
    assert "2 of 3 pairs explain other outputs" in wherefrom(*asked).err
    assert "other outputs" not in wherefrom(*asked, "--different-texts").err


HOSTILE = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202e\nfake   9   1.000"
PRINTED = [
    ("info", "{}"),
    ("info", "{}", "--as-config"),
    ("show", "{}"),
    ("show", "{}", "{}", "--view", "steps"),
    ("compare", "{}", "{}"),
    ("compare", "{}", "{other}"),
    ("trace", "{}"),
    ("evaluate", "-m", "demo:lm", "{}", "--metrics", "comprehensiveness"),
    ("export", "{}", "-o", "{}"),
]


@pytest.mark.parametrize("words", PRINTED, ids=" ".join)
def test_nothing_that_a_file_says_steers_the_terminal_or_forges_a_line(
    wherefrom: Run, saved: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    def printed(said: str) -> Any:
        out = Attributions.load(saved)
        made = replace(
            out.provenance,
            model={**out.provenance.model, "name": said},
            method={**out.provenance.method, "settings": {said: said}},
        )
        first, second = (one.replace(id=said, method=said) for one in out)
        same = out[1].replace(id="same")
        path, other = tmp_path / "one.json", tmp_path / "other.json"
        out.replace(sequence_attributions=(first, same), provenance=made).save(path, overwrite=True)
        out.replace(sequence_attributions=(second, same), provenance=made).save(other, overwrite=True)
        return wherefrom(*(word.replace("{}", str(path)).replace("{other}", str(other)) for word in words))

    hostile, tame = printed(HOSTILE), printed("fine")
    refused = words[0] == "export"  # which writes over no file
    assert hostile.code == tame.code == (2 if refused else 0)
    for text in (hostile.out, hostile.err):
        assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\u2068\u2069"]
        assert "\nfake" not in text


def test_compare_leaves_pairs_of_different_texts_out(wherefrom: Run, saved: Path) -> None:
    base = ("attribute", "-m", "demo:lm", "-a", "occlusion", "--max-new-tokens", "4", "--hide", "-i")
    assert wherefrom(*base, "George was sick yesterday.", "George was hungry.", "-o", "one.json").code == 0
    assert wherefrom(*base, "Mary was hungry.", "George was sick yesterday.", "-o", "none.json").code == 0
    ran = wherefrom("compare", saved, "one.json", "--json")
    assert ran.code == 0
    assert "1 of 2 pairs are of different input texts and left out: #2" in ran.err
    document = json.loads(ran.out)
    assert [one["example"] for one in document["examples"]] == ["#1"]
    assert document["left_out"] == ["#2"]
    refused = wherefrom("compare", saved, "none.json")
    assert refused.code == 2
    assert "All 2 pairs are of different input texts" in refused.err
    assert "--different-texts" in refused.err
    asked = wherefrom("compare", saved, "none.json", "--different-texts", "--json")
    assert asked.code == 0, asked.err
    assert len(json.loads(asked.out)["examples"]) == 2


def test_export_table_has_every_visible_cell(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    assert wherefrom("export", saved, "-o", "scores.csv").code == 0
    rows = list(csv.DictReader((tmp_path / "scores.csv").open(encoding="utf-8")))
    out = Attributions.load(saved)
    assert len(rows) == sum(int(one.target_visible.sum()) for one in out)
    first = next(row for row in rows if row["example"] == "0" and row["input_index"] == "1")  # of the first step
    one = out[0].aggregate()
    assert float(first["score"]) == pytest.approx(one.target_attributions[1, 0])
    assert first["output_token"] == one.steps[0].text


RunWithFewLetters: TypeAlias = Callable[..., bytes]


@pytest.fixture(scope="module")
def of_few_letters(tmp_path_factory: pytest.TempPathFactory) -> RunWithFewLetters:
    """Runs commands whose output has ASCII alone, beside ``a.json``, whose text has more; what they write."""
    folder = tmp_path_factory.mktemp("letters")
    (folder / "texts.txt").write_text("Zoë 😀 was", encoding="utf-8")
    few = {**os.environ, "PYTHONIOENCODING": "ascii"}

    def ran(*arguments: str) -> bytes:
        whole = [sys.executable, "-m", "wherefrom_cli", *arguments]
        return subprocess.run(whole, env=few, cwd=folder, capture_output=True, check=True).stdout

    asked = ["-m", "demo:lm", "-a", "attention", "--input-file", "texts.txt", "--max-new-tokens", "1"]
    ran("attribute", *asked, "-o", "a.json")
    return ran


@pytest.mark.parametrize(
    "command", [["export", "-o", "-", "--to", "csv"], ["show", "--json"], ["show", "--jsonl"], ["show"]], ids=" ".join
)
def test_an_output_that_has_not_all_letters_gets_files_as_they_are_and_json_that_is_json(
    of_few_letters: RunWithFewLetters, tmp_path: Path, command: list[str]
) -> None:
    said = of_few_letters(command[0], "a.json", *command[1:])
    if "csv" in command:
        of_few_letters("export", "a.json", "-o", str(tmp_path / "a.csv"))
        assert (tmp_path / "a.csv").read_bytes() == said
    elif len(command) > 1:
        documents = said.splitlines() if "--jsonl" in command else [said]
        assert "ë" in json.dumps([json.loads(one) for one in documents], ensure_ascii=False)
    else:
        assert "\\xeb" in said.decode("ascii") or "\\u00eb" in said.decode("ascii")


def test_export_parquet_holds_the_same_rows(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    import pyarrow.parquet

    wherefrom("export", saved, "-o", "scores.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "scores.parquet")
    rows = list(csv.DictReader(wherefrom("export", saved, "-o", "-", "--to", "csv").out.splitlines()))
    assert table.num_rows == len(rows)
    assert table.column("score")[5].as_py() == pytest.approx(float(rows[5]["score"]))


def test_capitals_of_an_ending_are_as_small_letters(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    for name in ("small.csv", "LARGE.CSV"):
        assert wherefrom("export", saved, "-o", name).code == 0
    assert (tmp_path / "small.csv").read_text() == (tmp_path / "LARGE.CSV").read_text()
    asked = ("evaluate", saved, "--metrics", "sparseness", "--draws", "1", "-q", "--json", "-x", "0")
    ran = wherefrom(*asked, "-o", "page.HTML", "found.JSON")
    assert ran.code == 0, ran.err
    assert (tmp_path / "page.HTML").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "found.JSON").read_text()) == json.loads(ran.out)


def test_export_of_steps_has_a_row_per_output(wherefrom: Run, saved: Path) -> None:
    rows = list(csv.DictReader(wherefrom("export", saved, "-o", "-", "--to", "csv", "--steps").out.splitlines()))
    out = Attributions.load(saved)
    assert len(rows) == sum(len(one.steps) for one in out)
    assert float(rows[0]["probability"]) == pytest.approx(float(out[0].step_scores["probability"][0]))


@pytest.mark.parametrize("ending", [".html", ".svg", ".SVG", ".md", ".txt"])
def test_export_draws(wherefrom: Run, saved: Path, tmp_path: Path, ending: str) -> None:
    assert wherefrom("export", saved, "-o", f"out{ending}").code == 0
    assert "George" in (tmp_path / f"out{ending}").read_text(encoding="utf-8")


def test_export_draws_a_pdf(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    need_cairo()
    assert wherefrom("export", saved, "-o", "out.pdf").code == 0
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["out.jsonl", "out.json.gz", "out.msgpack", "run"])
def test_convert_keeps_every_number(wherefrom: Run, saved: Path, tmp_path: Path, name: str) -> None:
    assert wherefrom("convert", saved, "-o", name, *(["--to", "run"] if name == "run" else [])).code == 0
    assert wherefrom("convert", name, "-o", "back.json").code == 0
    first, back = Attributions.load(saved), Attributions.load(tmp_path / "back.json")
    for one, other in zip(first, back, strict=True):
        assert one.target == other.target
        np.testing.assert_array_equal(one.target_attributions, other.target_attributions)


def test_convert_to_inseq_and_back(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    assert wherefrom("convert", saved, "-o", "inseq.json", "--to", "inseq").code == 0
    assert "FeatureAttributionOutput" in (tmp_path / "inseq.json").read_text()
    assert wherefrom("convert", "inseq.json", "-o", "back.json").code == 0
    first, back = Attributions.load(saved), Attributions.load(tmp_path / "back.json")
    np.testing.assert_allclose(
        first[1].aggregate().target_attributions, back[1].aggregate().target_attributions, atol=1e-6
    )


@pytest.mark.parametrize(
    "options, words",
    [
        (("-o", "y.msgpack.gz", "--to", "inseq"), "End the name in .json, with .gz"),
        (("-o", "y.json.zst", "--to", "inseq"), "End the name in .json, with .gz"),
        (("-o", "y.json", "--to", "inseq", "--scores-precision", "float16"), "has one precision"),
        (("-o", "-", "--to", "run"), "A run is a folder"),
    ],
)
def test_convert_refuses_what_a_format_has_not(
    wherefrom: Run, saved: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    ran = wherefrom("convert", saved, *options)
    assert ran.code == 2
    assert words in ran.err
    assert not [one for one in tmp_path.iterdir() if one.is_file()]


def test_a_compressed_file_of_inseq_is_one(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    assert wherefrom("convert", saved, "-o", "inseq.json.gz", "--to", "inseq").code == 0
    assert (tmp_path / "inseq.json.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert wherefrom("convert", "inseq.json.gz", "-o", "back.json").code == 0


@pytest.mark.parametrize(
    "command", [("convert",), ("convert", "--scores-precision", "float16"), ("convert", "--to", "inseq"), ("merge",)]
)
def test_a_hyphen_is_standard_output(wherefrom: Run, saved: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A file of that name was written."""
    said, written = (wherefrom(*command, saved, "-o", name) for name in ("-", "out.json"))
    assert (said.code, written.code) == (0, 0), said.err
    assert json.loads(said.out) == json.loads((tmp_path / "out.json").read_text())
    assert written.out == ""
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("attribute", "-m", "demo:lm", "-i", "Mary", "--viz-path", "-"),
        ("attribute-dataset", "-m", "demo:lm", "-d", "x.txt", "--viz-path", "-"),
        ("attribute-context", "--viz-path", "-"),
        ("fit-attention", "x.txt", "-m", "demo:lm", "-o", "-"),
        ("evaluate", "{}", "--annotate", "-"),
    ],
    ids=" ".join,
)
def test_what_cannot_go_to_standard_output_says_so(
    wherefrom: Run, saved: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "x.txt").write_text("Mary was hungry.\n")
    ran = wherefrom(*(saved if one == "{}" else one for one in command))
    assert ran.code == 2, ran.err
    assert "standard output" in ran.err
    assert not (tmp_path / "-").exists()


WAYS = ("--json", "--jsonl", "--markdown", "--bibtex", "--names", "--as-config", "--show")
"""Options that say what is on standard output; one line has one of them."""
ASKED = {
    "attribute": ("-m", "demo:lm", "-i", "Mary"),
    "attribute-dataset": ("-m", "demo:lm", "-d", "x.txt", "-o", "run"),
    "trace": ("{}",),
    "show": ("{}",),
    "info": ("{}",),
    "compare": ("{}", "{}"),
    "explain": ("lime",),
    "list": (),
    "verify": ("--method", "occlusion"),
}
"""Commands that have several, with what else they need."""


def test_every_command_with_several_ways_of_saying_is_asked() -> None:
    several = {name for name in modules() if len(set(WAYS) & load_command(name).parser().option_names.keys()) > 1}
    assert several == set(ASKED)


@pytest.mark.parametrize(
    "command, first, second",
    [
        (name, first, second)
        for name in ASKED
        for first, second in combinations([one for one in WAYS if one in load_command(name).parser().option_names], 2)
    ],
)
def test_two_claims_on_standard_output_are_refused(
    wherefrom: Run, saved: Path, tmp_path: Path, command: str, first: str, second: str
) -> None:
    (tmp_path / "x.txt").write_text("Mary was hungry.\n")
    needed = (saved if one == "{}" else one for one in ASKED[command])
    ran = wherefrom(command, *needed, second, first)
    assert ran.code == 2, ran.err
    assert first in ran.err
    assert second in ran.err
    assert "exclude each other" in ran.err
    assert ran.out == ""


def test_convert_refuses_to_replace(wherefrom: Run, saved: Path) -> None:
    assert wherefrom("convert", saved, "-o", saved).code == 2


def test_convert_to_a_run_replaces_it_only_when_asked(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    assert wherefrom("convert", saved, "-o", "run", "--to", "run").code == 0
    there = wherefrom("convert", "nowhere.json", "-o", "run", "--to", "run")
    assert (there.code, "holds a run already" in there.err, "--overwrite" in there.err) == (2, True, True)
    assert wherefrom("convert", "nowhere.json", "-o", "run", "--to", "run", "--overwrite").code == 2
    assert len(load("run")) == len(load(saved))
    assert wherefrom("convert", "run", "-o", "run", "--to", "run", "--overwrite", "-x", "0").code == 0
    assert len(load("run")) == 1


def test_convert_to_a_run_keeps_examples_that_share_an_id(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    out = load(saved)
    ids = ["x", "x", "x (2)", "y", None, None]
    shared = out.replace(sequence_attributions=tuple(out[0].replace(id=name) for name in ids))
    shared.save("ids.json")
    ran = wherefrom("convert", "ids.json", "-o", "run", "--to", "run")
    assert ran.code == 0, ran.err
    assert "ids that are there twice are numbered, as in 'x (2)': 1 of 6 examples" in ran.err
    assert [one.id for one in load("run")] == ["x", "x (3)", "x (2)", "y", None, None]


@pytest.mark.parametrize("command", ["convert", "merge"])
def test_what_a_context_attribution_does_not_take_along_is_said(
    wherefrom: Run, saved: Path, tmp_path: Path, command: str
) -> None:
    ContextAttribution(
        input_context="A b.",
        output_current="c",
        input_context_tokens=["A", "b."],
        output_current_tokens=["c"],
        cti_scores=[0.5],
        cci_scores=[],
    ).save(tmp_path / "context.json")
    ran = wherefrom(command, "context.json", "-o", "out.json")
    assert ran.code == 0, ran.err
    assert "context.json is about a context" in ran.err
    assert "Citations" in ran.err
    assert "about a context" not in wherefrom(command, saved, "-o", "plain.json").err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in their own way")
def test_a_name_that_is_no_utf_8_is_read_and_told(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.json")
    (tmp_path / name).write_bytes(saved.read_bytes())
    assert "saliency" in wherefrom("info", name).out
    assert json.loads(wherefrom("info", name, "--json").out)[0]["path"] == name
    long = wherefrom("show", "n" * 300)
    assert (long.code, "too long" in long.err) == (2, True)


def test_merge_joins_the_examples(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.json").write_bytes(saved.read_bytes())
    assert wherefrom("merge", saved, "copy.json", "-o", "both.json").code == 0
    assert len(Attributions.load(tmp_path / "both.json")) == 4


def test_merge_keeps_copies_once_and_tells_of_other_examples_of_one_id(
    wherefrom: Run, saved: Path, tmp_path: Path
) -> None:
    first, second = Attributions.load(saved)
    for name in ("run", "copy"):
        write_run(tmp_path / name, [first.replace(id="a"), second.replace(id="b")])
    write_run(tmp_path / "other", [first.replace(id="b"), first.replace(id="c")])
    ran = wherefrom("merge", "run", "copy", "other", "-o", "all.json")
    assert ran.code == 0
    assert "2 examples are there again with the same content, and left out: a, b." in ran.err
    assert "1 example is there again with another content, and kept: b." in ran.err
    assert "Wrote 4 examples of 3 files" in ran.err
    merged = load("all.json")
    assert [one.id for one in merged] == ["a", "b", "b", "c"]
    assert merged.allclose(Attributions(sequence_attributions=(first, second, first, first)))
    assert "again" not in wherefrom("merge", "run", "-o", "one.json").err
    assert wherefrom("show", "all.json", "-x", "#3").code == 0


def test_merge_keeps_the_texts_of_what_it_keeps(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    out = Attributions.load(saved)
    named = out.replace(sequence_attributions=tuple(one.replace(id=id) for one, id in zip(out, "ab", strict=True)))
    named.save(tmp_path / "one.json")
    named.at([1]).save(tmp_path / "two.json")
    assert wherefrom("merge", "two.json", "one.json", "-o", "both.json").code == 0
    assert load("both.json").provenance.input_texts == list(reversed(out.provenance.input_texts))


def test_chosen_examples_are_told_without_the_texts_of_others(wherefrom: Run, saved: Path) -> None:
    assert wherefrom("trace", saved, "-x", "1", "-o", "traced.json").code == 0
    assert load("traced.json").provenance.input_texts == ["Mary was hungry."]


def test_merge_of_the_same_file_twice_is_refused(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("merge", saved, saved.parent / "." / ".." / saved.parent.name / saved.name, "-o", "all.jsonl")
    assert ran.code == 2
    assert "given twice" in ran.err


@pytest.mark.parametrize("command", ["attribute", "merge", "convert"])
def test_an_unknown_ending_is_refused_before_the_work(wherefrom: Run, saved: Path, command: str) -> None:
    asked = ("attribute", "-m", "demo:lm", "-i", "Mary") if command == "attribute" else (command, saved)
    ran = wherefrom(*asked, "-o", "x.foo")
    assert ran.code == 2
    assert "'x.foo' does not say what to write" in ran.err
    assert not Path("x.foo").exists()


@pytest.mark.parametrize("name, said", [("nope", False), ("kl", False), ("entropi", True), ("probabilty", True)])
def test_only_slips_are_suggested(wherefrom: Run, name: str, said: bool) -> None:
    ran = wherefrom("explain", name)
    assert ran.code == 2
    assert ("Did you mean" in ran.err) == said


def test_merge_of_different_methods_is_refused(wherefrom: Run, saved: Path) -> None:
    wherefrom(
        "attribute", "-m", "demo:lm", "-a", "input_x_gradient", "-i", "Hi.", "--max-new-tokens", 2, "-o", "o.json"
    )
    ran = wherefrom("merge", saved, "o.json", "-o", "both.json")
    assert ran.code == 2
    assert "method" in ran.err


def test_export_goes_step_by_step_and_to_a_site(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    assert wherefrom("export", saved, "--frames", "frames", "--set", "theme=dark").code == 0
    assert "#1c1d21" in (tmp_path / "frames" / "step-000.svg").read_text()
    assert wherefrom("export", saved, "-o", "play.svg", "--animate", "--set", "seconds=2").code == 0
    assert "@keyframes" in (tmp_path / "play.svg").read_text()
    ran = wherefrom("export", saved, "--site", "site", "--set", "title=Ours")
    assert ran.code == 0
    assert "python -m http.server" in ran.err
    assert "<title>Ours</title>" in (tmp_path / "site" / "index.html").read_text()


@pytest.mark.parametrize(
    "options, words",
    [
        ((), "Say where to write"),
        (("-o", "a.html", "--site", "s"), "Say where to write"),
        (("-o", "a.html", "--without", "id"), "Add --public"),
        (("--site", "s", "--steps"), "are for files"),
        (("--site", "s", "--animate"), "are for files"),
        (("--frames", "s", "--to", "png"), "are for files"),
        (("-o", "a.html", "--animate"), "End the name in .svg"),
        (("-o", "a.html", "--public", "--without", "ids"), "Did you mean 'id'"),
    ],
)
def test_exports_that_mean_nothing_are_told(wherefrom: Run, saved: Path, options: tuple[str, ...], words: str) -> None:
    ran = wherefrom("export", saved, *options)
    assert ran.code == 2
    assert words in ran.err


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_holds_no_example_is_not_shown_in_silence(wherefrom: Run, tmp_path: Path, kind: str) -> None:
    empty = tmp_path / ("run" if kind == "folder" else "none.json")
    if kind == "folder":
        write_run(empty, [])
    else:
        Attributions(sequence_attributions=(), provenance=Provenance()).save(empty)
    endings = ("html", "svg", "png", "md", "tex", "txt", "csv", "tsv", "parquet")
    asked = (
        ("show", empty),
        *(("export", empty, "-o", f"out.{ending}") for ending in endings),
        ("export", empty, "--site", "site"),
        ("export", empty, "--frames", "frames"),
        ("compare", empty, empty),
        ("evaluate", empty),
        ("trace", empty),
    )
    before = sorted(tmp_path.iterdir())
    for words in asked:
        ran = wherefrom(*words)
        assert ran.code == 2, words
        assert f"{empty} holds no example." in ran.err, words
        assert not ran.out
    assert sorted(tmp_path.iterdir()) == before
    assert wherefrom("info", empty).code == 0
    (tmp_path / "again.json").write_text(wherefrom("show", empty, "--json").out, "utf-8")
    assert len(load(tmp_path / "again.json")) == 0


def test_export_needs_a_known_ending(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("export", saved, "-o", "scores.docx")
    assert ran.code == 2
    assert ".html" in ran.err


def test_view_needs_a_terminal(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("view", saved)
    assert ran.code == 2
    assert "needs a terminal" in ran.err


def test_config_init_show_and_path(wherefrom: Run, tmp_path: Path) -> None:
    assert "Nothing is configured" in wherefrom("config").out
    assert wherefrom("config", "init").code == 0
    assert wherefrom("config", "init").code == 2
    with (tmp_path / "wherefrom.toml").open("a") as file:
        file.write('\n[show]\nview = "topk"\n')
    assert '[show] view = "topk"' in wherefrom("config", "show").out
    assert str(tmp_path / "wherefrom.toml") in wherefrom("config", "path").out


def test_config_path_knows_the_variable(wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("[common]\n")
    monkeypatch.setenv("WHEREFROM_CONFIG_FILE", "mine.toml")
    assert json.loads(wherefrom("config", "path", "--json").out)["project"] == {"path": "mine.toml", "exists": True}


def test_config_show_finds_names_that_nobody_has(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "wherefrom.toml").write_text("[common]\nmodell = 3\n")
    ran = wherefrom("config", "show")
    assert ran.code == 2
    assert "Did you mean 'model'?" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(wherefrom: Run, shell: str) -> None:
    out = wherefrom("completion", shell).out
    assert "attribute-dataset" in out
    assert "step-scores" in out


def test_doctor_finds_the_installation_complete(wherefrom: Run) -> None:
    ran = wherefrom("doctor", "--quick")
    assert ran.code == 0, ran.out
    assert "transformers" in ran.out
    states = {finding["subject"]: finding["state"] for finding in json.loads(wherefrom("doctor", "--json").out)}
    assert states["demo:lm"] == "ok"


def test_demo_shows_every_method_asked(wherefrom: Run) -> None:
    ran = wherefrom("demo", "-a", "saliency", "input_x_gradient", "--view", "topk")
    assert ran.code == 0
    assert "saliency" in ran.out
    assert "input_x_gradient" in ran.out


@pytest.mark.parametrize("adapters, state", [((), "problem"), (("openai",), "missing")])
def test_doctor_asks_for_transformers_where_nothing_else_answers(
    wherefrom: Run, monkeypatch: pytest.MonkeyPatch, adapters: tuple[str, ...], state: str
) -> None:
    installed = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("wherefrom-hf", "torch", "transformers", "captum"):
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    points = [importlib.metadata.EntryPoint(name, "nowhere:load", "wherefrom.adapters") for name in adapters]
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    ran = wherefrom("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(ran.out)}
    assert findings["torch"]["state"] == state
    assert "wherefrom-cli[hf]" in findings["torch"]["cure"]
    assert ran.code == (state == "problem")


@pytest.mark.parametrize(
    "command, name",
    [
        (("show", "{}"), "view"),
        (("show", "{}"), "console"),
        (("export", "{}", "-o", "out.html"), "ending"),
        (("export", "{}", "-o", "out.svg"), "attributions"),
        (("export", "{}", "--frames", "frames"), "folder"),
        (("export", "{}", "--site", "site"), "public"),
    ],
)
def test_a_setting_that_the_command_gives_itself_is_named(
    wherefrom: Run, saved: Path, tmp_path: Path, command: tuple[str, ...], name: str
) -> None:
    """It ended in a TypeError of Python's."""
    ran = wherefrom(*(saved if one == "{}" else one for one in command), "--set", f"{name}=3")
    assert ran.code == 2, ran.err
    assert f"takes no option {name!r}" in ran.err
    assert not list(tmp_path.rglob("*.svg"))


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        ("attribute", "-m", "demo:lm", "-i", "Mary", "-a", "occlusion", "--set", "tables={here}"),
        (
            "attribute",
            "-m",
            "demo:lm",
            "-i",
            "Mary",
            "-a",
            "discretized_integrated_gradients",
            "--set",
            "cache_dir={here}",
        ),
        ("fit-attention", "x.txt", "-m", "demo:lm", "-o", "heads.npz", "--tables", "{here}"),
        ("attribute-dataset", "-m", "demo:lm", "-d", "x.txt", "-o", "{here}"),
        ("convert", "{saved}", "--to", "run", "-o", "{here}"),
        ("export", "{saved}", "--site", "{here}"),
        ("export", "{saved}", "--frames", "{here}"),
        ("serve", "--run", "{here}"),
    ],
    ids=" ".join,
)
def test_a_file_is_no_folder(
    wherefrom: Run, saved: Path, tmp_path: Path, command: tuple[str, ...], below: bool
) -> None:
    (tmp_path / "x.txt").write_text("Mary was hungry.\n")
    here = "x.txt/below" if below else "x.txt"
    ran = wherefrom(*(one.format(here=here, saved=saved) for one in command))
    assert ran.code == 2, ran.err
    assert "'x.txt' is a file" in ran.err
    assert (tmp_path / "x.txt").read_text() == "Mary was hungry.\n"


@pytest.mark.parametrize(
    "command",
    [
        ("show", "{}"),
        ("show", "{}", "--view", "topk"),
        *(("export", "{}", "-o", name) for name in ("out.svg", "out.html", "out.md", "out.tex")),
        ("export", "{}", "-o", "out.svg", "--animate"),
        ("export", "{}", "--site", "site"),
        ("export", "{}", "--frames", "frames"),
    ],
    ids=" ".join,
)
def test_a_setting_that_no_view_takes_is_named(
    wherefrom: Callable[..., Any], saved: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = wherefrom(*(saved if one == "{}" else one for one in command), "--set", "theem=dark")
    assert ran.code == 2, ran.err
    assert "takes no option 'theem'" in ran.err
    takes = set(ran.err.partition("It takes: ")[2].rstrip(".\n").split(", "))
    assert takes
    assert not takes & {".0", "console", "ending", "options", "out", "what"}
    assert "not expected" not in ran.err
    assert not list(tmp_path.rglob("*.svg"))


def failed_in_part(folder: Path, *rows: dict[str, str]) -> Path:
    """A run of these rows, of which some fail."""
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["attribute-dataset", "-m", "demo:lm", "-a", "attention", "--max-new-tokens", "1", "-q"]
    assert main([*asked, "-d", str(folder / "texts.jsonl"), "-o", str(folder / "run")]) == 3
    return folder / "run"


@pytest.fixture(scope="module")
def half_failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which one example failed."""
    return failed_in_part(tmp_path_factory.mktemp("half"), {"text": "Mary was", "id": "a"}, {"text": "", "id": "b"})


@pytest.fixture(scope="module")
def third_failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three rows without names, of which the second failed."""
    return failed_in_part(tmp_path_factory.mktemp("third"), {"text": "Mary was"}, {"text": ""}, {"text": "George was"})


def test_failed_examples_are_told_where_something_is_made_of_a_run(
    wherefrom: Run, half_failed: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    read = runs.read_manifest
    monkeypatch.setattr(runs, "read_manifest", lambda path: opened.append(path) or read(path))  # type: ignore[func-returns-value]
    for command in (
        ("merge", half_failed, "-o", "all.json"),
        ("convert", half_failed, "-o", "one.json"),
        ("export", half_failed, "-o", "one.csv"),
        ("export", half_failed, "--site", "si te"),
        ("evaluate", half_failed, "--dry-run", "--metrics", "top_k_drop", "--draws", "1"),
        ("compare", half_failed, half_failed),
        ("show", half_failed),
        ("show", half_failed, "--jsonl"),
        ("trace", half_failed, "--hide"),
    ):
        opened.clear()
        ran = wherefrom(*command)
        assert ran.code == 0, ran.err
        assert "1 example failed and is left out" in ran.err, command
        assert len(opened) == command.count(half_failed), command
        if "--site" in command:
            assert "--directory 'si te'" in ran.err
    assert "failed" not in wherefrom("export", half_failed, "-x", "a", "-o", "one.svg").err


@pytest.mark.parametrize(
    "command",
    [
        ("show", "{}", "-x", "1"),
        ("export", "{}", "-x", "1", "-o", "one.md"),
        ("export", "{}", "-x", "1", "--site", "site"),
        ("compare", "{}", "{}", "-x", "1"),
        ("evaluate", "{}", "-x", "1", "--dry-run"),
        ("trace", "{}", "-x", "1", "--hide"),
        ("convert", "{}", "-x", "1", "-o", "one.json"),
    ],
    ids=" ".join,
)
def test_the_id_of_an_example_without_a_result_is_not_the_place_of_another(
    wherefrom: Run, third_failed: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = wherefrom(*(third_failed if one == "{}" else one for one in command))
    assert ran.code == 2
    assert "Example '1' has no result, for it failed: " in ran.err
    assert not list(tmp_path.glob("one.*")) + list(tmp_path.glob("site"))
    assert wherefrom("convert", third_failed, "-o", "kept.json", "-q").code == 0
    refused = wherefrom(*("kept.json" if one == "{}" else one for one in command))
    assert refused.code == 2
    assert "There is no example '1'." in refused.err
    assert "give one of 0, 2, or -1 for the last" in refused.err


def test_numbers_are_places_where_no_example_goes_by_its_number(third_failed: Path) -> None:
    wanted = [[one.id for one in open_results(third_failed, [name])] for name in ("0", "2", "-1", "-2")]
    assert wanted == [["0"], ["2"], ["2"], ["0"]]
    assert chosen(["a", "7", None], ["2", "7"], None) == [2, 1]
    assert chosen(["7", "7"], ["1"], None) == [1]
    with pytest.raises(UsageError, match="There is no example '3'"):
        chosen(["a", "b"], ["3"], None)


def test_examples_without_a_partner_are_told(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    out = Attributions.load(saved)
    out.replace(sequence_attributions=out.sequence_attributions[:1]).save(tmp_path / "one.json")
    ran = wherefrom("compare", saved, "one.json")
    assert ran.code == 0
    assert ran.err.count("warning") == 1
    assert f"Without a partner, and left out: 1 of {saved}." in ran.err


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--port", "99999"), "expected a port from 1 to 65535, got '99999'"),
        (("--host", "256.1.1.1"), "--host 256.1.1.1 is no address of this machine"),
    ],
)
def test_serve_refuses_where_it_cannot_listen(wherefrom: Run, arguments: tuple[str, ...], told: str) -> None:
    pytest.importorskip("wherefrom_playground")
    refused = wherefrom("serve", "-m", "no/such-model", *arguments)
    assert refused.code == 2
    assert told in refused.err


def test_advice_about_a_hyphen_can_be_pasted(wherefrom: Run) -> None:
    refused = wherefrom("attribute", "-i", "-don't")
    assert refused.code == 2
    assert f"-i={shlex.quote(chr(45) + 'don' + chr(39) + 't')}" in refused.err


def test_a_column_for_which_there_is_no_room_is_told(
    wherefrom: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert "not shown for lack of width: strongest inputs" in " ".join(
        wherefrom("show", saved, "--view", "topk").out.split()
    )
    monkeypatch.setenv("COLUMNS", "60")
    assert "lack of width" not in wherefrom("show", saved, "--view", "topk").out


def test_an_example_is_chosen_by_the_number_that_is_shown(wherefrom: Run, saved: Path) -> None:
    titles = [" ".join(one.split()) for one in wherefrom("show", saved, "--view", "steps").out.split("\n")]
    assert any("example 2 of 2" in one for one in titles)
    second = wherefrom("show", saved, "-x", "#2", "--json")
    assert second.code == 0
    assert second.out == wherefrom("show", saved, "-x", "1", "--json").out
    assert second.out != wherefrom("show", saved, "-x", "#1", "--json").out
    told = json.loads(wherefrom("compare", saved, saved, "-x", "#2", "1", "#1", "--json").out)
    assert [one["example"] for one in told["examples"]] == ["#1", "#2", "#3"]


@pytest.mark.parametrize("name", ["#3", "#0", "7", "wmt-7"])
def test_an_example_that_is_not_there_is_refused_with_what_is(wherefrom: Run, saved: Path, name: str) -> None:
    ran = wherefrom("show", saved, "-x", name)
    assert ran.code == 2
    assert f"There is no example {name!r}." in ran.err
    assert "There are 2, called #1, #2. Give an id, a number from #1 to #2, or a place from 0 to 1." in ran.err
