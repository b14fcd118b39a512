"""Defaults from files and the environment, and who wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from wherefrom.errors import UsageError
from wherefrom_cli.configuration import apply_configuration
from wherefrom_cli.parser import CommandParser, json_object


@pytest.fixture
def parser() -> CommandParser:
    made = CommandParser("wherefrom attribute")
    group = made.group("All")
    group.add("-m", "--model", default="flag-less")
    group.add("--step-scores", nargs="+", default=[])
    group.add("--attribution-kwargs", type=json_object, default={})
    group.add("--batch-size", type=int, default=1)
    group.flag("--hide", dest="hide_attributions", help="hide")
    group.add("--quiet", action="store_true")
    group.add("--config-file")
    return made


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    (tmp_path / "user" / "wherefrom").mkdir(parents=True)
    (tmp_path / "project" / "deep").mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "project" / "deep")
    return tmp_path


def settled(parser: CommandParser, *argv: str) -> dict[str, object]:
    apply_configuration(parser, "attribute", argv)
    return vars(parser.parse(argv))


def test_flags_win_over_environment_over_project_over_user(
    parser: CommandParser, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "user/wherefrom/config.toml").write_text('[common]\nmodel = "user"\n[attribute]\nbatch-size = 2\n')
    assert settled(parser)["model"] == "user"
    (folders / "project/wherefrom.toml").write_text('[attribute]\nmodel = "project"\n')
    assert settled(parser)["model"] == "project"
    assert settled(parser)["batch_size"] == 2
    monkeypatch.setenv("WHEREFROM_MODEL", "environment")
    assert settled(parser)["model"] == "environment"
    assert settled(parser, "-m", "flag")["model"] == "flag"


def test_values_of_every_kind(parser: CommandParser, folders: Path) -> None:
    (folders / "project/wherefrom.toml").write_text(
        '[attribute]\nstep_scores = ["probability", "entropy"]\nattribution-kwargs = { n_steps = 5 }\n'
        "hide = true\nquiet = true\n"
    )
    values = settled(parser)
    assert values["step_scores"] == ["probability", "entropy"]
    assert values["attribution_kwargs"] == {"n_steps": 5}
    assert values["hide_attributions"] is True
    assert values["quiet"] is True


def test_environment_lists_are_split_like_a_shell(
    parser: CommandParser, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_STEP_SCORES", "probability entropy")
    assert settled(parser)["step_scores"] == ["probability", "entropy"]


def test_unknown_name_suggests_the_nearest(parser: CommandParser, folders: Path) -> None:
    (folders / "project/wherefrom.toml").write_text("[attribute]\nbatchsize = 3\n")
    with pytest.raises(UsageError, match=r"no option 'batchsize'. Did you mean 'batch-size'\?"):
        settled(parser)


def test_wrong_value_names_file_and_option(parser: CommandParser, folders: Path) -> None:
    (folders / "project/wherefrom.toml").write_text('[attribute]\nbatch-size = "many"\n')
    with pytest.raises(UsageError, match=r"wherefrom.toml: batch-size"):
        settled(parser)


def test_named_file_replaces_the_projects(parser: CommandParser, folders: Path) -> None:
    (folders / "project/wherefrom.toml").write_text('[attribute]\nmodel = "project"\n')
    (folders / "mine.toml").write_text('[attribute]\nmodel = "mine"\n')
    assert settled(parser, "--config_file", str(folders / "mine.toml"))["model"] == "mine"
    with pytest.raises(UsageError, match="no configuration file"):
        settled(parser, "--config-file", "nowhere.toml")


def test_damaged_file_is_a_usage_error(parser: CommandParser, folders: Path) -> None:
    (folders / "project/wherefrom.toml").write_text("[attribute\n")
    with pytest.raises(UsageError, match="is not TOML"):
        settled(parser)


@pytest.mark.parametrize(
    "content, said",
    [
        ("[atribute]\nbatch-size = 3\n", r"there is no command 'atribute'. Did you mean 'attribute'\?"),
        ('model = "demo:lm"\n', "'model' stands outside of a table"),
        ("attribute = 3\n", "attribute must be a table"),
        ('[common]\nmodle = "demo:lm"\n', r"'modle', an option of no command. Did you mean 'model'\?"),
        ('[attribute]\nmodel = ["a"]\n', r'model: expected one value, got a list, \["a"\]'),
        ("[attribute]\nmodel = { a = 1 }\n", "model: expected one value, got a table"),
        ('[attribute]\nstep-scores = [["a"]]\n', "step-scores: expected one value, got a list"),
    ],
)
def test_what_would_have_no_effect_is_refused(parser: CommandParser, folders: Path, content: str, said: str) -> None:
    (folders / "project/wherefrom.toml").write_text(content)
    with pytest.raises(UsageError, match=said):
        settled(parser)


def test_names_of_other_commands_and_tables_of_others_are_fine(parser: CommandParser, folders: Path) -> None:
    (folders / "project/wherefrom.toml").write_bytes(
        b"\xef\xbb\xbf[common]\nmetrics = ['abpc']\nbatch_size = 4\n[browser.keys]\nquit = 'q'\n[export]\n"
    )
    assert settled(parser)["batch_size"] == 4


def test_a_variable_that_sets_nothing_is_warned_of(
    parser: CommandParser, folders: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("MODEL", "METRICS", "CONFIG_FILE", "BACKGROUND", "CACHE"):
        monkeypatch.setenv(f"WHEREFROM_{name}", "")
    assert settled(parser)["model"] == ""
    assert not caplog.records
    monkeypatch.setenv("WHEREFROM_MODLE", "demo:lm")
    monkeypatch.setenv("WHEREFROM_SET", "n_steps=5")
    settled(parser)
    first, second = (record.getMessage() for record in caplog.records)
    assert "WHEREFROM_MODLE sets nothing" in first
    assert "Did you mean 'WHEREFROM_MODEL'?" in first
    assert "WHEREFROM_SET sets nothing" in second
