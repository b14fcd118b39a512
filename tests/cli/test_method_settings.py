"""``--set`` and ``--attribution-kwargs`` are for settings of the method, not for what a command gives itself."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from wherefrom import AttributionModel, attribute_context, load
from wherefrom.errors import UsageError
from wherefrom.methods.contract import METHODS
from wherefrom.questions.routing import Consumer
from wherefrom.settings import fields_of, former_names
from wherefrom.tracing import trace
from wherefrom_cli.main import load_command, modules
from wherefrom_cli.method_settings import WITHOUT_OPTION, addressed, option_of, typed_settings
from wherefrom_cli.request import AttributionRequest

Run = Callable[..., Any]
PROMPT = "George was sick yesterday. His colleagues asked him to come"
OUTPUT = PROMPT + " to the hospital. He was very happy."
CALLS: dict[str, Callable[..., Any]] = {
    "attribute": AttributionModel.attribute,
    "attribute-dataset": AttributionModel.attribute,
    "attribute-context": attribute_context,
    "trace": trace,
}
"""Commands that take settings of a method, and what each calls."""
ARGUMENTS = [
    (command, name)
    for command, call in CALLS.items()
    for name, one in inspect.signature(call).parameters.items()
    if one.kind is not one.VAR_KEYWORD
]
SHARED = {"seed": 3, "method": "riemann_left"}
"""Settings of methods that have the name of an argument, and a value for each."""


def parsed(command: str, *words: str) -> Any:
    """The options of a command line."""
    return load_command(command).parser().parse(words)


def test_no_other_command_takes_settings_of_a_method() -> None:
    taking = {name for name in modules() if "--attribution-kwargs" in load_command(name).parser().option_names}
    assert taking == set(CALLS)


@pytest.mark.parametrize("way", ["set", "json"])
@pytest.mark.parametrize("command, name", ARGUMENTS)
def test_an_argument_of_the_call_is_no_setting(command: str, name: str, way: str) -> None:
    words = ("--set", f"{name}=1") if way == "set" else ("--attribution-kwargs", json.dumps({name: 1}))
    options = parsed(command, *words)
    option = option_of(name, options.known_options)
    if option is None and name in WITHOUT_OPTION:
        assert typed_settings(options, CALLS[command]) == {name: 1}
        return
    with pytest.raises(UsageError, match=f"'{name}' is no setting") as refused:
        typed_settings(options, CALLS[command])
    assert option is None or option.named in str(refused.value)


def test_what_the_command_gives_is_not_among_the_arguments_without_an_option() -> None:
    assert not WITHOUT_OPTION & AttributionRequest().keywords().keys()


@pytest.mark.parametrize("call", dict.fromkeys(CALLS.values()))
@pytest.mark.parametrize("name", METHODS)
def test_a_setting_of_the_method_reaches_it_whatever_its_name(name: str, call: Callable[..., Any]) -> None:
    cls: Any = METHODS.get(name)
    shared = inspect.signature(call).parameters.keys() & Consumer(cls=cls, label="").accepts
    assert shared <= SHARED.keys()
    given = {one: "maxcount" if "strategy" in fields_of(cls) else SHARED[one] for one in shared}
    made, rest = addressed(name, {**given, "other": 1}, call)
    assert rest == {"other": 1}
    assert made == name if not shared else isinstance(made, cls)
    for one, value in given.items():
        assert getattr(made, former_names(cls).get(one, one)) == value


@pytest.mark.parametrize(
    "command, named",
    [
        (("attribute", "-m", "demo:lm", "-i", PROMPT, "--set", "method=saliency"), "--attribution-method"),
        (("attribute", "-m", "demo:lm", "-i", PROMPT, "--attribution-kwargs", '{"batch_size": 1}'), "--batch-size"),
        (("attribute-dataset", "-m", "demo:lm", "-d", "x.txt", "--set", "input_texts=3"), "--dataset"),
        (("attribute-context", "--set", "current=3"), "--input-current-text"),
        (("trace", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--set", "hops=3"), "--hops"),
        (("trace", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--set", "method=saliency"), "--attribution-method"),
    ],
)
def test_the_option_to_use_is_named(wherefrom: Run, command: tuple[str, ...], named: str) -> None:
    ran = wherefrom(*command)
    assert ran.code == 2
    assert "it has an option of its own" in ran.err
    assert named in ran.err


def test_a_table_of_the_configuration_is_no_way_around(wherefrom: Run, tmp_path: Any) -> None:
    (tmp_path / "mine.toml").write_text('[attribute]\nattribution-kwargs = { attributed_fn = "logit" }\n')
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", PROMPT, "--config-file", "mine.toml")
    assert ran.code == 2
    assert "-fn/--attributed-fn" in ran.err


def test_the_rule_of_integrated_gradients_is_asked_for_and_again(wherefrom: Run, tmp_path: Any) -> None:
    """``method`` is its former name, and was dropped."""
    asked = ("attribute", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--hide", "-a", "integrated_gradients")
    asked += ("--set", "n_steps=3")
    for file, more in (("plain.json", ()), ("left.json", ("--set", "method=riemann_left"))):
        assert wherefrom(*asked, *more, "-o", file).code == 0
    plain, left = (load(tmp_path / name) for name in ("plain.json", "left.json"))
    assert left.provenance.method["settings"] == {"n_steps": 3, "quadrature": "riemann_left"}
    assert (plain[0].target_attributions != left[0].target_attributions).any()
    (tmp_path / "again.toml").write_text(wherefrom("info", "left.json", "--as-config").out)
    again = wherefrom(
        "attribute", "--config-file", "again.toml", "-i", PROMPT, "-g", OUTPUT, "--hide", "-o", "two.json"
    )
    assert again.code == 0, again.err
    assert load(tmp_path / "two.json")[0] == left[0]
    assert wherefrom(*asked, "--set", "method=riemann_left", "--dry-run").code == 0
