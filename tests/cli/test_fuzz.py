"""Any command line is answered: by a result, or by an error of ours with an exit code of ours.

``uv run pytest -m heavy tests/cli/test_fuzz.py`` draws a few command lines per test; with ``WHEREFROM_FUZZ=300
HYPOTHESIS_PROFILE=search`` before it that many, other ones each time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wherefrom import AttributionModel
from wherefrom.errors import UsageError
from wherefrom_cli.configuration import apply_configuration
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.main import load_command, main, modules
from wherefrom_cli.parser import CommandParser, Declared, Options, Takes
from wherefrom_cli.request import ModelRequest

from tests.laws.models import model_of

pytestmark = pytest.mark.heavy
EXAMPLES = int(os.environ.get("WHEREFROM_FUZZ", "8"))
drawn = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
COMMANDS = sorted(modules())
parser_of = cache(lambda name: load_command(name).parser())

TEXTS = st.text(max_size=12)
ODD = (
    *("", "-", "--", "=", "-3", "-1e400", "nan", "inf", "1e999", "0", "-0", "9" * 30, "{}", "[]", "null", "[" * 3000),
    *('{"a": NaN}', "a=b", "=b", "@", "@@", "@nowhere.txt", "yes", "no", "\x00", "\ud800", "﷽", "%s", "{0}"),
)
WORDS = st.one_of(
    TEXTS,
    st.sampled_from(ODD),
    st.integers().map(str),
    st.floats().map(str),
    st.dictionaries(TEXTS, st.one_of(st.none(), st.integers(), TEXTS), max_size=2).map(json.dumps),
)


def mangled(name: str) -> st.SearchStrategy[str]:
    """A name as it is, in the other spelling, or nearly right."""
    return st.sampled_from(
        [name, name, name, "--" + name.lstrip("-").replace("-", "_"), name + "s", name[:-1], name.upper()]
    )


def command_lines(parser: CommandParser) -> st.SearchStrategy[list[str]]:
    """Names of options, values for them, and anything else, in any order."""
    names = st.sampled_from(sorted(parser.option_names)).flatmap(mangled)
    close = st.builds("{}={}".format, names, WORDS)
    return st.lists(st.one_of(names, WORDS, close), max_size=8)


def answer(call: Callable[[], Any]) -> Any:
    """What the call returns, or the message of the usage error it raises."""
    try:
        return call()
    except UsageError as error:
        return str(error)


@pytest.mark.parametrize("command", COMMANDS)
@drawn
@given(data=st.data())
def test_any_words_are_parsed_or_refused(command: str, data: st.DataObject) -> None:
    parser = parser_of(command)
    argv = data.draw(command_lines(parser))
    options = answer(lambda: parser.parse(argv))
    if isinstance(options, Options):
        assert set(vars(options)) == {one.dest for one in parser.declared}
    else:
        assert options.strip()


def typed(declared: Declared) -> st.SearchStrategy[list[str]]:
    """Words that are values of an option, as they may be typed."""
    if declared.choices is not None:
        one: st.SearchStrategy[str] = st.sampled_from(declared.choices)
    elif declared.takes is Takes.PERHAPS and not declared.is_argument:
        one = st.sampled_from(["yes", "no", "True", "0", "f"])
    else:
        one = st.one_of(
            st.integers(1, 9).map(str), st.just("{}"), st.just("a=1"), st.just("1/2"), st.text("abc é漢", min_size=1)
        ).filter(lambda word: _fits(declared, word))
    most = 3 if declared.takes_several else 1
    return st.lists(one, min_size=1, max_size=most)


def _fits(declared: Declared, word: str) -> bool:
    try:
        declared.convert(word)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("command", COMMANDS)
@drawn
@given(data=st.data())
def test_what_is_typed_is_what_is_meant(command: str, data: st.DataObject) -> None:
    """Options in any order, by any of their names, in both spellings, give their values and leave the others be."""
    parser = parser_of(command)
    options = [one for one in parser.declared if not one.is_argument and one.takes is not Takes.NOTHING]
    chosen = data.draw(st.lists(st.sampled_from(options), max_size=4, unique_by=lambda one: one.dest))
    chosen += [one for one in options if one.required and one not in chosen]
    argv, expected = [], {}
    for one in chosen:
        words = data.draw(typed(one))
        name = data.draw(st.sampled_from(one.names))
        if name.startswith("--") and data.draw(st.booleans()):
            name = "--" + name[2:].replace("-", "_")
        argv += [name, *words]
        values = [one.convert(word) for word in words]
        expected[one.dest] = values if one.takes_several or one.repeated else values[-1]
    arguments = [one for one in parser.declared if one.is_argument]
    argv.append("--")
    for one in arguments:
        words = data.draw(typed(one))
        argv += words
        expected[one.dest] = [*map(one.convert, words)] if one.takes_several else one.convert(words[0])
    parsed = vars(parser.parse(argv))
    assert {name: parsed[name] for name in expected} == expected
    untouched = {one.dest: one.default for one in parser.declared if one.dest not in expected}
    assert {name: parsed[name] for name in untouched} == untouched


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=True), st.text("ab\n=é", max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text("ab", min_size=1), inner, max_size=2)),
    max_leaves=4,
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value) if isinstance(value, float) else json.dumps(value)


@pytest.mark.parametrize("command", ["attribute", "attribute-dataset", "attribute-context", "show", "config"])
@drawn
@given(data=st.data())
def test_any_configuration_is_applied_or_refused(
    command: str, data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = load_command(command).parser()
    names = st.sampled_from(sorted(name.lstrip("-") for name in parser.option_names)) | st.text("ab-_", min_size=1)
    tables = data.draw(
        st.dictionaries(st.sampled_from(["common", command, "other"]), st.dictionaries(names, VALUES, max_size=3))
    )
    file = tmp_path / "config.toml"
    file.write_text(
        "".join(f"{json.dumps(name)} = {toml(table)}\n" for name, table in tables.items()), encoding="utf-8"
    )
    variables = data.draw(st.dictionaries(names, st.text("ab'\" {}1", max_size=5), max_size=2))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        for name, value in variables.items():
            patch.setenv("WHEREFROM_" + name.upper().replace("-", "_"), value)
        argv = ["--config-file", str(file)]
        applied = answer(lambda: apply_configuration(parser, command, argv))
        assert isinstance(applied, list) or applied.strip()
        assert answer(lambda: parser.parse(argv))


ANSWERS = {int(code) for code in ExitCode}
PATHS = ["saved.json", "lines.jsonl", "run", "random.bin", "empty.json", "texts.txt", "table.csv", "nowhere.json", "."]
OUTPUTS = ["out.json", "out.html", "out.csv", "out.svg", "out.md", "-", "nowhere/out.json", "saved.json", "run"]
OF_PATHS = {"path", "paths", "first", "second", "input_file", "documents", "null_contexts"}
OF_DATA = {"dataset_name", "dataset_files"}
OF_OUTPUTS = {"output", "save_path", "viz_path", "citations", "log_file"}
NEVER = {"--plugin", "--framework", "--engine", "--address", "--help", "-h", "--user", "--dev", "--device", "--debug"}
"""What would import, connect or say nothing of ours."""


@pytest.fixture
def answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Path) -> Callable[[list[str]], None]:
    """Runs a command line in a folder with files of all kinds and looks at what it answers."""
    from wherefrom.files import load

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelRequest, "load", lambda self: AttributionModel(model_of("gpt2-tiny")))
    out = load(saved)
    (tmp_path / "random.bin").write_bytes(bytes(range(256)))
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "texts.txt").write_text("the name\nif x\n")
    (tmp_path / "table.csv").write_text("id,text\n1,the name\n2,if x\n")

    def run(argv: list[str]) -> None:
        out.save(tmp_path / "saved.json", overwrite=True)
        out.save(tmp_path / "lines.jsonl", overwrite=True)
        said, told = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            code = main(argv)
        assert code in ANSWERS, argv
        assert "not expected" not in told.getvalue(), (argv, told.getvalue())
        assert "Traceback" not in told.getvalue(), (argv, told.getvalue())
        if code == ExitCode.USAGE:
            assert told.getvalue().startswith("wherefrom"), (argv, told.getvalue())

    return run


def requests(command: str) -> st.SearchStrategy[list[str]]:
    """Command lines that get past the parser often: names with values that they take, or nearly."""
    parser = parser_of(command)

    def words(one: Declared) -> st.SearchStrategy[list[str]]:
        if one.dest in OF_PATHS:
            return st.lists(st.sampled_from(PATHS), min_size=1, max_size=2 if one.takes_several else 1)
        if one.dest in OF_DATA:  # a name without an ending is looked for on the hub
            return st.sampled_from([path for path in PATHS if "." in path]).map(lambda word: [word])
        if one.dest in OF_OUTPUTS:
            return st.sampled_from(OUTPUTS).map(lambda word: [word])
        if one.dest == "model":
            return st.just(["demo:lm"])
        if one.dest == "method":
            return st.sampled_from(["saliency", "occlusion", "attention", "lime", "dummy", "salience"]).map(
                lambda w: [w]
            )
        return st.one_of(typed(one), typed(one), st.lists(WORDS, min_size=1, max_size=2))

    options = [one for one in parser.declared if not one.is_argument and not NEVER & set(one.names)]
    arguments = [one for one in parser.declared if one.is_argument]

    @st.composite
    def lines(draw: st.DrawFn) -> list[str]:
        argv = [command]
        chosen = draw(st.lists(st.sampled_from(options), max_size=4, unique_by=lambda one: one.dest))
        for one in [*chosen, *(one for one in options if one.required and one not in chosen)]:
            argv += [draw(st.sampled_from(one.names)), *([] if one.takes is Takes.NOTHING else draw(words(one)))]
        if command.startswith("attribute") and draw(st.integers(0, 4)):
            argv += ["-d", "texts.txt"] if command == "attribute-dataset" else []
            argv += ["-i", "the name"] if command == "attribute" else []
            argv += ["-m", "demo:lm", "--max-new-tokens", "2"]
        for one in arguments:
            argv += draw(words(one))
        return argv

    return lines()


QUIET = ["show", "info", "compare", "export", "convert", "merge", "list", "explain", "config", "completion", "view"]


@pytest.mark.parametrize("command", QUIET)
@settings(drawn, max_examples=max(1, EXAMPLES // 4))
@given(data=st.data())
def test_any_request_about_files_is_answered(
    command: str, data: st.DataObject, answered: Callable[[list[str]], Any]
) -> None:
    answered(data.draw(requests(command)))


@pytest.mark.parametrize("command", ["attribute", "attribute-dataset", "attribute-context", "demo"])
@settings(drawn, max_examples=max(1, EXAMPLES // 8))
@given(data=st.data())
def test_any_request_to_a_model_is_answered(
    command: str, data: st.DataObject, answered: Callable[[list[str]], Any]
) -> None:
    answered(data.draw(requests(command)))
