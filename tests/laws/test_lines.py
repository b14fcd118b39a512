"""Files are cut where their format says, not at whatever Unicode calls the end of a line."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from wherefrom.context import ContextAttribution, is_context_file
from wherefrom.evaluation import Evaluation, Gold, load_gold, read_gold, save_gold
from wherefrom.evaluation.bench import Prompt, load_prompts
from wherefrom.evaluation.bench.running import Header
from wherefrom.evaluation.opening import is_evaluation, open_evaluation
from wherefrom.files import load
from wherefrom.results.attribution import Attributions
from wherefrom_cli.documents import documents_in_file
from wherefrom_cli.rows import lines_of
from wherefrom_cli.texts import Fields, examples_in_file
from wherefrom_viz.browser.settings import load_settings

from tests.core.made import attribution

ROOT = Path(__file__).parents[2]
BREAKS = ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
"""Characters that `str.splitlines` cuts at, though they stand within texts."""
OF_MESSAGES = {
    "wherefrom_cli/running.py",
    "wherefrom_cli/commands/doctor.py",
    "wherefrom_cli/commands/explain.py",
    "wherefrom_cli/dataset/source.py",
    "wherefrom/adapters/check.py",
    "wherefrom/evaluation/bench/running.py",
    "wherefrom/evaluation/lines.py",
    "wherefrom/evaluation/verify/asking.py",
    "wherefrom/evaluation/verify/checking.py",
    "wherefrom_hf/_loading.py",
    "wherefrom_hf/demo/_gold.py",
    "wherefrom_viz/browser/places.py",
}
"""Where it cuts messages, docstrings or bytes."""


def test_nothing_that_users_wrote_is_cut_by_splitlines() -> None:
    users = set()
    for path in ROOT.glob("packages/*/src/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.Attribute) and node.attr == "splitlines" for node in ast.walk(tree)):
            users.add(path.relative_to(ROOT).as_posix().split("/src/")[1])
    assert users <= OF_MESSAGES


@pytest.mark.parametrize("odd", BREAKS)
def test_a_text_with_an_odd_break_is_one_text_in_every_kind_of_file(tmp_path: Path, odd: str) -> None:
    text = f"first{odd}second"
    texts, lines = tmp_path / "a.txt", tmp_path / "a.jsonl"
    texts.write_text(f"{text}\nother\n", encoding="utf-8")
    lines.write_text(json.dumps({"text": text}, ensure_ascii=False) + '\n{"text": "other"}\n', encoding="utf-8")
    tables = [tmp_path / "a.csv", tmp_path / "a.tsv"]
    for path, delimiter in zip(tables, ",\t", strict=True):
        written = io.StringIO(newline="")
        csv.writer(written, delimiter=delimiter).writerows([["text", "id"], [text, "1"], ["other", "2"]])
        path.write_bytes(written.getvalue().encode())
    for path in (texts, lines, *tables):
        assert [one.text for one in examples_in_file(path, Fields())] == [text, "other"], path
        found = [one if isinstance(one, str) else one["text"] for one in documents_in_file(path)]
        assert found == [text, "other"], path


@pytest.mark.parametrize("inside", ["first line\nsecond line", "a\r\nb", 'he said "yes, sir"', "a,b\tc"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_quoted_cell_is_read_as_it_was_written(tmp_path: Path, suffix: str, inside: str) -> None:
    path, written = tmp_path / f"documents{suffix}", io.StringIO(newline="")
    csv.writer(written, delimiter="," if suffix == ".csv" else "\t").writerows([["id", "text"], ["d", inside]])
    path.write_bytes(b"\xef\xbb\xbf" + written.getvalue().encode())
    assert documents_in_file(path) == [{"id": "d", "text": inside}]
    assert [one.text for one in examples_in_file(path, Fields())] == [inside]


def test_lines_end_at_line_breaks_of_every_system() -> None:
    assert lines_of("a\nb\r\nc\rd\n") == ["a", "b", "c", "d", ""]


@pytest.mark.parametrize("odd", BREAKS)
def test_saved_lines_hold_odd_breaks(tmp_path: Path, odd: str) -> None:
    made = Attributions(sequence_attributions=(attribution([f"x{odd}"], ["<s>", f" a{odd}b"], 1, id=f"i{odd}"),) * 2)
    made.save(tmp_path / "a.jsonl")
    assert load(tmp_path / "a.jsonl") == made


def marked(path: Path) -> Path:
    """The file, as some editors and spreadsheets write it."""
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    return path


def test_the_mark_of_utf_8_before_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    one = Attributions(sequence_attributions=(attribution(None, ["a", " b"], 1),))
    for name in ("one.json", "one.jsonl"):
        one.save(tmp_path / name)
        assert load(marked(tmp_path / name))[0] == one[0]
    one.save_inseq(tmp_path / "inseq.json")
    plain = load(tmp_path / "inseq.json")
    assert load(marked(tmp_path / "inseq.json"))[0] == plain[0]

    context = ContextAttribution(output_current="a", output_current_tokens=["a"], cti_scores=[1.0], cci_scores=[])
    context.save(tmp_path / "context.json")
    assert is_context_file(marked(tmp_path / "context.json"))
    assert ContextAttribution.load(tmp_path / "context.json") == context
    assert [token.text for token in load(tmp_path / "context.json")[0].target] == ["a"]

    gold = [Gold(text="a b", spans=((0, 1),))]
    save_gold(tmp_path / "gold.jsonl", gold)
    assert load_gold(marked(tmp_path / "gold.jsonl")) == read_gold(tmp_path / "gold.jsonl") == gold
    prompt = Prompt(id="1", set="made", prompt="a", answer=" b")
    (tmp_path / "prompts.jsonl").write_bytes(msgspec.json.encode(prompt))
    assert load_prompts(marked(tmp_path / "prompts.jsonl")) == [prompt]

    Evaluation(measurements=(), methods=("m",)).save(tmp_path / "evaluation.json")
    asked = {"metrics": [], "methods": ["m"], "removals": [], "units": "word", "draws": 1, "seed": 0}
    bench = Header(model="m", bench=asked)
    (tmp_path / "bench.jsonl").write_bytes(msgspec.json.encode(bench) + b"\n")
    for name in ("evaluation.json", "bench.jsonl"):
        assert is_evaluation(marked(tmp_path / name))
        assert not open_evaluation(tmp_path / name).measurements

    (tmp_path / "wherefrom.toml").write_text('[browser]\ntheme = "nord"\n', encoding="utf-8")
    assert load_settings(marked(tmp_path / "wherefrom.toml")).theme == "nord"
