"""The commands that measure: evaluate, bench, verify."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from wherefrom import load_model
from wherefrom.adapters import PredictsSteps, SequenceModel
from wherefrom.errors import InputError
from wherefrom.evaluation import Evaluation, Gold, Measurement, evaluate, save_gold
from wherefrom.evaluation.bench import SHORT
from wherefrom.evaluation.verify import Verdict
from wherefrom.files import load, save, write_run
from wherefrom.loading import ADAPTERS
from wherefrom.testing import ReferenceModel, only
from wherefrom_cli.commands.evaluate import _model
from wherefrom_cli.commands.verify import table
from wherefrom_cli.console import Console
from wherefrom_cli.main import load_command

from tests.core.made import attribution

Run = Callable[..., Any]
QUICK = ("--metrics", "top_k_drop", "--removals", "unk", "--draws", "1")


def test_evaluate_tells_the_cost_measures_and_saves(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    ran = wherefrom("evaluate", saved, *QUICK, "-o", "found.json", "found.html")
    assert ran.code == 0
    assert "at most" in ran.err
    assert "top_k_drop" in ran.out
    found = Evaluation.load(tmp_path / "found.json")
    assert found.methods == ("saliency",)
    assert found.model == "demo:lm"
    assert {one.example for one in found.measurements} == {0, 1}
    page = (tmp_path / "found.html").read_text("utf-8")
    assert "saliency" in page
    assert "<polyline" in page
    assert "<script" not in page
    shown = wherefrom("show", "found.json")
    assert "top_k_drop" in shown.out
    assert "saliency" in shown.out


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of an evaluation."""
    made = attribution(["x"], ["<s>", " a"], 1)
    one = Measurement(example=0, method="made", metric="top_k_drop", removal="unk", span=(1, 2), value=0.5)
    found = Evaluation(measurements=(one,), methods=(made.method,), model="demo:lm")
    path = tmp_path_factory.mktemp("evaluated") / "evaluation.json"
    found.save(path)
    return path


def test_show_prints_the_document_of_an_evaluation(wherefrom: Run, evaluated: Path) -> None:
    ran = wherefrom("show", evaluated, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == json.loads(evaluated.read_bytes())


@pytest.mark.parametrize(
    "options",
    [("--jsonl",), ("-x", "9"), ("--limit", "1"), ("--view", "topk"), ("--aggregator", "sum"), ("--set", "a=1")],
    ids=" ".join,
)
def test_show_refuses_what_an_evaluation_has_not(wherefrom: Run, evaluated: Path, options: tuple[str, ...]) -> None:
    ran = wherefrom("show", evaluated, *options)
    assert (ran.code, ran.out) == (2, "")
    assert "is an evaluation" in ran.err
    assert "--json" in ran.err


@pytest.mark.parametrize(
    "command",
    [("info",), ("export", "-o", "a.svg"), ("merge", "-o", "a.json"), ("convert", "-o", "a.json"), ("compare", "FILE")],
    ids=lambda command: command[0],
)
def test_an_evaluation_is_called_one_by_commands_for_attributions(
    wherefrom: Run, evaluated: Path, command: tuple[str, ...]
) -> None:
    name, *rest = command
    ran = wherefrom(name, evaluated, *(evaluated if word == "FILE" else word for word in rest))
    assert ran.code == 5
    assert "This is an evaluation, not attributions; `wherefrom show` prints it." in ran.err


def test_evaluate_only_tells_the_cost(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    ran = wherefrom("evaluate", saved, *QUICK, "--dry-run")
    assert ran.code == 0
    assert ran.out.startswith("This takes at most ")
    assert "saliency" not in ran.out


def test_evaluate_as_json(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("evaluate", saved, *QUICK, "--json", "-x", "0", "-q")
    assert json.loads(ran.out)["methods"] == ["saliency"]


def test_gold_annotations_become_columns(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    texts = [one.target[: one.attr_pos_start] for one in load(saved)]
    prompts = ["".join(token.text for token in tokens if not token.special) for tokens in texts]
    save_gold(tmp_path / "gold.jsonl", [Gold(text=text, spans=((0, 4),)) for text in prompts])
    ran = wherefrom(
        "evaluate",
        saved,
        "--gold",
        "gold.jsonl",
        "--metrics",
        "mrr",
        "--removals",
        "unk",
        "--draws",
        "1",
        "--no-curves",
        "--annotate",
        "with.json",
    )
    assert ran.code == 0, ran.err
    assert all(0 < one.annotations["mrr"] <= 1 for one in load(tmp_path / "with.json"))


def test_annotations_of_a_run_are_paired_by_id(wherefrom: Run, tmp_path: Path) -> None:
    """A run has its shortest texts first, whatever the order of the data."""
    rows = [("long", "Mary was sick and stayed at home yesterday"), ("short", "Mary was")]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text, "id": name}) + "\n" for name, text in rows))
    asked = ("-m", "demo:lm", "-a", "attention", "--max-new-tokens", "1", "-q", "-d", "texts.jsonl")
    assert wherefrom("attribute-dataset", *asked, "-o", "run").code == 0
    assert [one.id for one in load("run")] == ["short", "long"]
    gold = [Gold(text=text, spans=((0, 4),), id=name) for name, text in rows]
    measured = ("--metrics", "mrr", "--removals", "unk", "--draws", "1", "--no-curves")
    save_gold(tmp_path / "gold.jsonl", gold)
    for more in ((), ("-x", "long")):
        ran = wherefrom("evaluate", "run", "--gold", "gold.jsonl", *measured, *more)
        assert ran.code == 0, ran.err
    save_gold(tmp_path / "unnamed.jsonl", [Gold(text=one.text, spans=one.spans) for one in gold])
    ran = wherefrom("evaluate", "run", "--gold", "unnamed.jsonl", *measured)
    assert ran.code == 2
    assert "order of the work" in ran.err


def test_annotations_with_ids_are_those_of_the_places_of_data_without_ids(wherefrom: Run, tmp_path: Path) -> None:
    """One prompt twice, the longer target first, which a run explains last."""
    prompt = "The children who saw the dog"
    rows = [{"text": prompt, "target": f"{prompt}{more}"} for more in (" were happy because she", " ran.")]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ("-m", "demo:lm", "-a", "occlusion", "-q", "-d", "texts.jsonl")
    spans = {"long": (4, 12), "short": (25, 28)}
    save_gold(tmp_path / "gold.jsonl", [Gold(text=prompt, spans=(one,), id=name) for name, one in spans.items()])
    measured = ("--metrics", "mrr", "--outputs", "sequence", "--draws", "1", "--no-curves", "-q")
    found = {}
    for name in ("run", "file.json"):
        assert wherefrom("attribute-dataset", *asked, "-o", name).code == 0
        ran = wherefrom("evaluate", name, "--gold", "gold.jsonl", *measured, "-o", f"{name}.made.json")
        assert ran.code == 0, ran.err
        made = Evaluation.load(tmp_path / f"{name}.made.json")
        values = [one.value for one in made.measurements if one.method == "occlusion"]
        found[name] = dict(zip(made.ids, values, strict=True))
    assert found["run"] == found["file.json"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--metrics", "top_k"), "top_k_drop"),
        (("-o", "out.txt"), ".json"),
        (("--gold", "none.jsonl"), "none.jsonl"),
    ],
)
def test_evaluate_says_what_is_wrong(wherefrom: Run, saved: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = wherefrom("evaluate", saved, "--removals", "unk", "--draws", "1", *arguments)
    assert ran.code != 0
    assert said in ran.err


@pytest.mark.parametrize("name", ["context.json", "trace.json"])
def test_tokens_without_ids_are_refused(wherefrom: Run, saved: Path, name: str) -> None:
    assert wherefrom("attribute-context", "-o", "context.json", "--no-show-viz").code == 0
    assert wherefrom("trace", saved, "-x", "0", "-o", "trace.json", "--hide").code == 0
    ran = wherefrom("evaluate", name, "-m", "demo:lm", "--metrics", "abpc", "--draws", "1")
    assert ran.code == 2
    assert "some have no id" in ran.err
    assert "Attribute the text" in ran.err
    with pytest.raises(InputError, match="some have no id"):
        evaluate(load(name), load_model("demo:lm"), ["abpc"], draws=1)


def test_tokens_of_a_larger_vocabulary_are_refused(wherefrom: Run, saved: Path) -> None:
    one = load(saved)[0]
    foreign = msgspec.structs.replace(one.target[-1], id=100_000)
    save(one.replace(target=(*one.target[:-1], foreign)), "foreign.json")
    ran = wherefrom("evaluate", "foreign.json", "-m", "demo:lm", "--metrics", "abpc", "--draws", "1")
    assert ran.code == 2
    assert "token id 100000" in ran.err


def test_missing_files_are_told_before_the_work(wherefrom: Run, saved: Path) -> None:
    for asked in (("evaluate", saved, "-m", "demo:lm", "--gold", "none.jsonl"), ("bench", "-m", "demo:lm", "-s", "x")):
        ran = wherefrom(*asked)
        assert ran.code == 2
        assert "is not there" in ran.err


def test_the_same_file_twice_is_refused(wherefrom: Run, saved: Path) -> None:
    ran = wherefrom("evaluate", saved, saved)
    assert ran.code == 2
    assert "same name" in ran.err


def prompts(path: Path) -> Path:
    lines = [
        {
            "id": f"{name}",
            "set": "names",
            "prompt": f"{name} went home because",
            "answer": f" {pronoun}",
            "evidence": [name],
        }
        for name, pronoun in (("George", "he"), ("Mary", "she"), ("Peter", "it"))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_bench_resumes_and_reports(wherefrom: Run, tmp_path: Path) -> None:
    given = prompts(tmp_path / "names.jsonl")
    arguments = (
        "bench",
        "-m",
        "demo:lm",
        "-s",
        given,
        "--methods",
        "saliency",
        "occlusion[baseline=unk]",
        "--metrics",
        "top_k_drop",
        "mrr",
        "--removals",
        "unk",
        "--draws",
        "2",
        "-r",
        "run.jsonl",
    )
    told = wherefrom(*arguments, "--dry-run")
    assert told.code == 0
    assert "at most" in told.out
    assert not (tmp_path / "run.jsonl").exists()
    first = wherefrom(*arguments, "-o", "report.html")
    assert first.code == 0, first.err
    assert "occlusion[baseline=unk]" in first.out
    assert "mrr" in (tmp_path / "report.html").read_text("utf-8")
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines()
    assert len(lines) == 1 + 3
    kept = [json.loads(line)["kept"] for line in lines[1:]]
    assert kept == [True, True, False], "a prompt that is answered otherwise is written down and does not count"
    (tmp_path / "run.jsonl").write_bytes(b"\n".join(lines[:-1]) + b"\n")
    second = wherefrom(*arguments, "--json", "-q")
    assert second.code == 0, second.err
    assert (tmp_path / "run.jsonl").read_bytes().splitlines() == lines
    assert json.loads(second.out)["methods"] == ["saliency", "occlusion[baseline=unk]"]
    assert "occlusion" in wherefrom("show", "run.jsonl").out
    other = wherefrom(*arguments, "--seed", "1")
    assert other.code == 2
    assert "another" in other.err.lower()


@pytest.mark.parametrize("name", ["short", pytest.param("long", marks=pytest.mark.heavy)])
def test_bench_says_what_its_own_methods_cost(wherefrom: Run, tmp_path: Path, name: str) -> None:
    told = wherefrom("bench", "-m", "demo:lm", "-s", name, "--limit", "2", "--draws", "1", "--dry-run")
    assert told.code == 0, told.err
    assert "forward and" in told.out
    assert not list(tmp_path.glob("*.jsonl"))


def test_bench_runs_its_own_methods(wherefrom: Run, tmp_path: Path) -> None:
    given = prompts(tmp_path / "names.jsonl")
    ran = wherefrom("bench", "-m", "demo:lm", "-s", given, "--limit", "1", "--draws", "1", "-r", "run.jsonl", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["methods"] == list(SHORT.methods)


def test_bench_names_a_wrong_method_before_it_loads(wherefrom: Run) -> None:
    ran = wherefrom("bench", "-m", "no-such-model", "--methods", "salience")
    assert ran.code == 2
    assert "saliency" in ran.err


def test_verify_passes_and_fails(wherefrom: Run, tmp_path: Path) -> None:
    ran = wherefrom("verify", "--method", "saliency", "--truths", "copies", "games")
    assert ran.code == 0
    assert "pass 1" in ran.out
    assert "–" in ran.out
    plugin = tmp_path / "wrong.py"
    plugin.write_text(
        "import numpy as np\n"
        "from attrs import frozen\n"
        "from wherefrom.methods.contract import method\n"
        "from wherefrom.methods import Saliency\n"
        "from wherefrom.methods.contract import Scores\n"
        "@method\n"
        "@frozen(kw_only=True)\n"
        "class Wrong(Saliency):\n"
        "    identifier = 'wrong_on_purpose'\n"
        "    def attribute(self, model, questions, progress):\n"
        "        for one in super().attribute(model, questions, progress):\n"
        "            yield Scores(target=np.ones_like(one.target))\n",
        "utf-8",
    )
    found = wherefrom("verify", "--plugin", plugin, "--truths", "copies", "--json")
    assert found.code == 3
    assert [(one["method"], one["passed"]) for one in json.loads(found.out)] == [("wrong_on_purpose", False)]


@pytest.mark.parametrize("width", [20, 33, 80, 200])
def test_a_table_of_verdicts_cuts_none(width: int) -> None:
    truths = ("copies", "games", "linear", "additive", "induction")
    verdicts = {
        name: [Verdict(method=name, truth=truth, passed=place % 2 == 0, value=1.234e-05) for truth in truths]
        for place, name in enumerate(("occlusion", "layer_integrated_gradients[n_steps=50]"))
    }
    lines = [line.plain for line in table(verdicts, width)]
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert words.count("pass 1.234e-05") == words.count("fail 1.234e-05") == len(truths)


def test_verify_as_a_table_for_documents(wherefrom: Run) -> None:
    ran = wherefrom("verify", "--method", "saliency", "--truths", "copies", "--markdown")
    assert ran.out.splitlines() == ["| method | copies |", "|---|---|", "| `saliency` | pass 1 |"]


def test_verify_of_an_unknown_answer(wherefrom: Run) -> None:
    ran = wherefrom("verify", "--method", "saliency", "--truths", "copy")
    assert ran.code == 2
    assert "copies" in ran.err


def test_metrics_that_need_gold_are_refused_where_there_is_none(wherefrom: Run, saved: Path) -> None:
    refused = wherefrom("evaluate", saved, "--metrics", "auprc", "mrr")
    assert refused.code == 2
    assert "auprc, mrr: these compare with gold units" in refused.err
    found = evaluate(load(saved), load_model("demo:lm"), ["auprc", "comprehensiveness"], draws=1)
    assert [one for one in found.warnings if "auprc" in one]
    assert {one.metric for one in found.measurements} == {"comprehensiveness"}


def test_evaluate_asks_the_model_as_it_was_then(wherefrom: Run, tmp_path: Path) -> None:
    said = ("-i", "George was sick", "-g", "George was sick. He", "--hide")
    assert wherefrom("attribute", "-m", "demo:lm", *said, "--dtype", "float64", "-o", "one.json").code == 0
    ran = wherefrom("evaluate", "one.json", *QUICK, "--dry-run")
    assert ran.code == 0, ran.err
    assert "another model" not in ran.err
    other = wherefrom("evaluate", "one.json", *QUICK, "--dry-run", "--dtype", "float32")
    assert "warning: occlusion was made with another model" in other.err
    assert "dtype float64 then, float32 now" in other.err


def test_evaluate_asks_for_the_revision_of_then(saved: Path, wherefrom: Run, tmp_path: Path) -> None:
    out = load(saved)
    model = {**out.provenance.model, "name": "nobody/nothing", "revision": "a" * 40, "tokenizer_kwargs": {"x": 1}}
    out = out.replace(provenance=msgspec.structs.replace(out.provenance, model=model))
    options = load_command("evaluate").parser().parse([str(saved)])
    said = StringIO()
    asked = _model(options, out, Console(stdin=said, stdout=said, stderr=said))
    assert (asked.name, asked.dtype, asked.model_kwargs) == ("nobody/nothing", "float32", {"revision": "a" * 40})
    assert "warning: The model was loaded with --tokenizer-kwargs '{\"x\": 1}' then" in said.getvalue()
    typed = load_command("evaluate").parser().parse([str(saved), "--dtype", "bfloat16", "--model-kwargs", "{}"])
    asked = _model(typed, out, Console(stdin=said, stdout=said, stderr=said))
    assert (asked.dtype, asked.model_kwargs) == ("bfloat16", {})


@pytest.fixture
def two_frameworks(wherefrom: Run, tmp_path: Path) -> Path:
    """A result of a model that an adapter of one's own loads by a name that transformers knows, too. Its card names no
    framework."""
    other = only(ReferenceModel(), SequenceModel, PredictsSteps)
    type(other).card = msgspec.structs.replace(other.card, name="demo:lm", framework="")

    def load_mine(model: str, *, tokenizer: Any, device: Any, model_kwargs: Any, tokenizer_kwargs: Any) -> Any:
        assert model == "demo:lm"
        return other

    ADAPTERS.register("mine", load_mine)
    said = ("-i", "the cat sat on", "-g", "the cat sat on the", "-a", "occlusion", "--hide")
    ran = wherefrom("attribute", "-m", "demo:lm", "--framework", "mine", *said, "-o", "mine.json")
    assert ran.code == 0, ran.err
    return tmp_path / "mine.json"


def _abpc(wherefrom: Run, *arguments: Any) -> tuple[list[float], str]:
    """The values that a result gets, and what was said."""
    ran = wherefrom(
        "evaluate", *arguments, "--metrics", "abpc", "--removals", "unk", "--draws", "1", "-o", "e.json", "--overwrite"
    )
    assert ran.code == 0, ran.err
    return [one.value for one in Evaluation.load("e.json").measurements if one.method == "occlusion"], ran.err


def test_evaluate_asks_the_framework_that_loaded_the_model_then(wherefrom: Run, two_frameworks: Path) -> None:
    assert load(two_frameworks).provenance.model["framework"] == "mine"
    found, said = _abpc(wherefrom, two_frameworks)
    assert found == _abpc(wherefrom, two_frameworks, "-m", "demo:lm", "--framework", "mine")[0]
    assert "another model" not in said
    other, said = _abpc(wherefrom, two_frameworks, "--framework", "hf_transformers")
    assert other != pytest.approx(found)
    assert "framework mine then, hf_transformers now" in said
    assert "vocabulary 50 then, 373 now" in said
    again = wherefrom("info", two_frameworks, "--as-config")
    assert 'framework = "mine"' in again.out


@pytest.mark.parametrize(
    "framework, said",
    [("", "no framework that loads it"), ("theirs", "'theirs', which is not installed here. Installed: ")],
)
def test_evaluate_takes_no_other_framework_unasked(
    wherefrom: Run, two_frameworks: Path, framework: str, said: str
) -> None:
    out = load(two_frameworks)
    model = {**out.provenance.model, "framework": framework}
    save(out.replace(provenance=msgspec.structs.replace(out.provenance, model=model)), "other.json")
    refused = wherefrom("evaluate", "other.json", *QUICK)
    assert refused.code == 2
    assert said in refused.err
    assert "--framework" in refused.err
    _, warned = _abpc(wherefrom, "other.json", "-m", "demo:lm", "--framework", "hf_transformers")
    assert "vocabulary 50 then, 373 now" in warned
    again = wherefrom("info", "other.json", "--as-config")
    assert 'framework = ""' not in again.out
    assert ("given to load_model as an adapter" in again.out) == (not framework)


@pytest.fixture
def two_orders(saved: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Runs of the same four examples in two orders; the second has a method of another name and lacks one."""
    examples = [one.replace(id=f"{name}{index}") for name in "ab" for index, one in enumerate(load(saved))]
    out = load(saved)
    other = [one.replace(method="other") for one in (examples[3], examples[2], examples[0])]
    write_run(tmp_path / "first", out.replace(sequence_attributions=tuple(examples)))
    write_run(tmp_path / "second", out.replace(sequence_attributions=tuple(other)))
    return tmp_path / "first", tmp_path / "second"


def test_evaluate_pairs_runs_by_id(wherefrom: Run, two_orders: tuple[Path, Path], tmp_path: Path) -> None:
    ran = wherefrom("evaluate", *two_orders, "-m", "demo:lm", *QUICK, "-o", "found.json")
    assert ran.code == 0, ran.err
    found = Evaluation.load(tmp_path / "found.json")
    assert {one.example for one in found.measurements} == {0, 2, 3}
    assert "Without a partner, and left out: 1 of saliency." in found.warnings


@pytest.mark.parametrize(
    "few, ids", [(("--limit", "2"), ["a0", "b0"]), (("-x", "-1", "0", "--limit", "2"), ["b1", "a0"])]
)
def test_a_few_examples_are_the_same_ones_of_all_results(
    wherefrom: Run, two_orders: tuple[Path, Path], few: tuple[str, ...], ids: list[str], tmp_path: Path
) -> None:
    ran = wherefrom("evaluate", *two_orders, "-m", "demo:lm", *QUICK, *few, "-o", "found.json")
    assert ran.code == 0, ran.err
    assert list(Evaluation.load(tmp_path / "found.json").ids) == ids
    ran = wherefrom("compare", *two_orders, *few, "--jsonl")
    assert [json.loads(line)["example"] for line in ran.out.strip().split("\n")] == ids
    assert "Without a partner" not in ran.err


def test_an_example_that_one_of_the_results_lacks_is_named(wherefrom: Run, two_orders: tuple[Path, Path]) -> None:
    for command in ("evaluate", "compare"):
        ran = wherefrom(command, *two_orders, "-x", "a1")
        assert ran.code == 2
        assert "There is no example 'a1'" in ran.err


def test_results_without_an_example_in_common_are_refused(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    out = load(saved)
    for name in "ab":
        write_run(
            tmp_path / name,
            out.replace(
                sequence_attributions=tuple(
                    one.replace(id=f"{name}{index}", method=name) for index, one in enumerate(out)
                )
            ),
        )
    ran = wherefrom("evaluate", "a", "b", *QUICK, "--limit", "1")
    assert ran.code == 2
    assert "have no example in common" in ran.err
