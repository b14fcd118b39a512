"""The parser: spellings, several values, booleans, suggestions, help."""

from __future__ import annotations

import pytest
from wherefrom.errors import UsageError
from wherefrom_cli.main import load_command, modules
from wherefrom_cli.parser import CommandParser, Options, json_object, one_of, positive_number, setting, yes_or_no


@pytest.fixture
def parser() -> CommandParser:
    made = CommandParser("wherefrom test", summary="Tests.", examples=(("wherefrom test", "try it"),))
    group = made.group("Input")
    group.add("-i", "--input-texts", nargs="+", default=[])
    group.add("-fn", "--attributed-fn")
    group.add("-s", "--start-pos", type=int)
    group.add("--number", type=positive_number)
    group.add("--kind", type=one_of(("local", "ray")))
    group.flag("--hide-attributions", "--hide", help="hide")
    group.flag("--add-info", default=True, help="info")
    return made


def test_what_was_typed_is_told_from_defaults(parser: CommandParser) -> None:
    parser.set_defaults(number=3)
    options = parser.parse(["--hide", "no", "-s", "4"])
    assert (options.number, options.start_pos) == (3, 4)
    assert options.typed_among({"number", "start_pos", "hide_attributions"}) == ["--start-pos", "--hide-attributions"]


@pytest.mark.parametrize("command", modules())
def test_no_option_is_called_as_something_of_the_options(command: str) -> None:
    """``list --names`` and an attribute ``names`` would be one."""
    assert not {one.dest for one in load_command(command).parser().declared} & set(dir(Options))


@pytest.mark.parametrize("spelling", ["--input-texts", "--input_texts", "-i"])
def test_both_spellings_take_several_values(parser: CommandParser, spelling: str) -> None:
    assert parser.parse([spelling, "a", "b c"]).input_texts == ["a", "b c"]


def test_value_after_equals_keeps_its_underscores_and_hyphens(parser: CommandParser) -> None:
    assert parser.parse(["--attributed_fn=my_fn"]).attributed_fn == "my_fn"
    assert parser.parse(["-i=-hello"]).input_texts == ["-hello"]


def test_short_option_of_two_letters_is_not_a_bundle(parser: CommandParser) -> None:
    assert parser.parse(["-fn", "logit"]).attributed_fn == "logit"


@pytest.mark.parametrize("value, expected", [("-3", -3), ("4", 4)])
def test_negative_numbers_are_values(parser: CommandParser, value: str, expected: int) -> None:
    assert parser.parse(["-s", value]).start_pos == expected


def test_texts_with_spaces_may_begin_with_a_hyphen(parser: CommandParser) -> None:
    assert parser.parse(["-i", "- a list item"]).input_texts == ["- a list item"]


def test_a_lone_hyphen_is_a_value(parser: CommandParser) -> None:
    assert parser.parse(["-i", "-"]).input_texts == ["-"]


@pytest.mark.parametrize(
    "argv, expected",
    [
        ([], False),
        (["--hide"], True),
        (["--hide", "yes"], True),
        (["--hide", "false"], False),
        (["--hide-attributions", "0"], False),
    ],
)
def test_boolean_takes_an_optional_value(parser: CommandParser, argv: list[str], expected: bool) -> None:
    assert parser.parse(argv).hide_attributions is expected


@pytest.mark.parametrize("argv, expected", [([], True), (["--no_add_info"], False), (["--add_info", "n"], False)])
def test_boolean_that_is_true_by_default_can_be_negated(parser: CommandParser, argv: list[str], expected: bool) -> None:
    assert parser.parse(argv).add_info is expected


def test_values_of_a_repeated_option_add_up(parser: CommandParser) -> None:
    assert parser.parse(["-i", "a", "b", "--input_texts", "c"]).input_texts == ["a", "b", "c"]


def test_last_of_a_repeated_single_value_counts(parser: CommandParser) -> None:
    assert parser.parse(["-fn", "logit", "--attributed-fn", "entropy"]).attributed_fn == "entropy"
    assert parser.parse(["--no-add-info", "--add-info"]).add_info is True


@pytest.mark.parametrize("word", ["--", "--attributed-fn", "-x=y", "", "=", "a=b"])
def test_any_text_may_follow_equals(parser: CommandParser, word: str) -> None:
    assert parser.parse([f"-i={word}"]).input_texts == [word]


def test_number_may_stand_close_to_a_short_name(parser: CommandParser) -> None:
    assert parser.parse(["-s3"]).start_pos == 3
    assert parser.parse(["-s-3"]).start_pos == -3


def test_arguments_stand_anywhere_and_after_two_hyphens(parser: CommandParser) -> None:
    parser.group("What").add("paths", nargs="+")
    assert parser.parse(["a", "-fn", "logit", "b", "--", "-c", "--hide"]).paths == ["a", "b", "-c", "--hide"]


def test_missing_argument_and_option_are_named(parser: CommandParser) -> None:
    parser.group("What").add("--output", "-o", required=True)
    with pytest.raises(UsageError, match="The following arguments are required: --output/-o"):
        parser.parse([])
    with pytest.raises(UsageError, match="Unrecognized arguments: a b"):
        parser.parse(["-o", "x", "--", "a", "b"])


@pytest.mark.parametrize("argv", [["--switch=yes"], ["--no-add-info=yes"]])
def test_value_where_none_is_taken_is_refused(parser: CommandParser, argv: list[str]) -> None:
    parser.group("S").add("--switch", action="store_true")
    with pytest.raises(UsageError, match="takes no value, got 'yes'"):
        parser.parse(argv)


def test_defaults_are_not_shared(parser: CommandParser) -> None:
    parser.parse([]).input_texts.append("mine")
    assert parser.parse([]).input_texts == []


def test_unknown_option_suggests_the_nearest(parser: CommandParser) -> None:
    with pytest.raises(UsageError, match=r"no option '--input-txts'.* Did you mean '--input-texts'\?"):
        parser.parse(["--input_txts", "a"])


@pytest.mark.parametrize("argv", [["--input", "a"], ["-f", "logit"], ["--hid"]])
def test_abbreviations_are_refused(parser: CommandParser, argv: list[str]) -> None:
    with pytest.raises(UsageError, match="no option"):
        parser.parse(argv)


def test_wrong_word_suggests_the_nearest(parser: CommandParser) -> None:
    with pytest.raises(UsageError, match=r"expected local or ray, got 'locl'. Did you mean 'local'\?"):
        parser.parse(["--kind", "locl"])


def test_missing_value_is_a_usage_error(parser: CommandParser) -> None:
    with pytest.raises(UsageError, match=r"-fn/--attributed-fn"):
        parser.parse(["-fn"])


@pytest.mark.parametrize("text, value", [("yes", True), ("T", True), ("1", True), ("no", False), ("F", False)])
def test_yes_or_no(text: str, value: bool) -> None:
    assert yes_or_no(text) is value


def test_json_option_says_what_is_wrong(parser: CommandParser) -> None:
    parser.group("J").add("--kwargs", type=json_object)
    with pytest.raises(UsageError, match=r"expected a JSON object"):
        parser.parse(["--kwargs", "n_steps=3"])
    with pytest.raises(UsageError, match=r"expected a JSON object"):
        parser.parse(["--kwargs", "[1]"])
    assert parser.parse(["--kwargs", '{"n_steps": 3}']).kwargs == {"n_steps": 3}


@pytest.mark.parametrize(
    "text, expected",
    [("n_steps=50", ("n_steps", 50)), ("baseline=zero", ("baseline", "zero")), ("a=[1, 2]", ("a", [1, 2]))],
)
def test_setting(text: str, expected: tuple[str, object]) -> None:
    assert setting(text) == expected


def test_help_shows_examples_before_options(parser: CommandParser) -> None:
    text = parser.format_help()
    assert text.index("Examples:") < text.index("Usage:") < text.index("Input:") < text.index("--input-texts")


def test_help_fits_a_narrow_terminal(parser: CommandParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, parser.format_help().splitlines())) <= 42
