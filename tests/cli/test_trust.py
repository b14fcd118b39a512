"""A configuration that was merely found runs, writes, loads and connects nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import attrs
import pytest
from wherefrom.errors import UsageError
from wherefrom.methods.contract import METHODS
from wherefrom.methods.harmless import HARMLESS_WORDS
from wherefrom.settings import a_folder, former_names
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom_cli import trust
from wherefrom_cli.main import load_command, modules
from wherefrom_cli.settable import _NOT_SETTABLE
from wherefrom_cli.trust import (
    HARMLESS,
    HARMLESS_GENERATION,
    check_project_value,
    distrusted_file,
    is_own,
    project_file,
)

EVIL = "from pathlib import Path\nPath({marker!r}).write_text('ran')\n"

ATTACKS = [
    "[attribute]\nplugin = ['{here}/evil.py']",
    "[attribute]\nplugin = ['evil.py']",
    "[attribute]\nplugin = ['evil']",
    "[attribute]\nplugin = 'evil.py'",
    "[common]\nplugin = ['evil.py']",
    "[common]\nmodel = './m'",
    "[common]\nmodel = 'm'",
    "[common]\nmodel = '{here}/m'",
    "[common]\nmodel = '~/m'",
    "[common]\nmodel-name-or-path = 'm'",
    "[attribute]\nmodel_name_or_path = 'm'",
    "[common]\nmodel-kwargs = {{ trust_remote_code = true }}",
    "[common]\nmodel_kwargs = {{ trust_remote_code = true }}",
    "[common]\nmodel_kwargs = '{{\"trust_remote_code\": true}}'",
    "[common]\ntokenizer-kwargs = {{ trust_remote_code = true }}",
    "[common]\nframework = 'evil'",
    "[attribute]\ngeneration-kwargs = {{ custom_generate = './m', trust_remote_code = true }}",
    "[attribute]\ngeneration-kwargs = {{ assistant_model = 'm' }}",
    '[attribute]\ngeneration_kwargs = \'{{"custom_generate": "./m"}}\'',
    "[attribute]\nsave-path = '{here}/out.json'",
    "[attribute]\noverwrite = true",
    "[attribute]\nmethod = 'occlusion'\nattribution-kwargs = {{ tables = '{here}/tables' }}",
    "[attribute]\nattribution-kwargs = {{ cache_dir = '{here}/kept' }}",
    "[attribute]\nattribution-kwargs = {{ weights = '{here}/m/config.json' }}",
    "[attribute]\nattribution-kwargs = {{ sampler = 'masked_lm:./m' }}",
    '[attribute]\nattribution-kwargs = \'{{"tables": "tables"}}\'',
    "[attribute]\nviz-path = '{here}/out.html'",
    "[attribute]\nlog-file = '{here}/out.log'",
    "[common]\nlog_file = 'out.log'",
    "[attribute]\ninput-file = '/etc/hostname'",
    "[attribute]\nconfig-file = 'other.toml'",
    "[attribute]\ndebug = true",
]
ATTACKS_ON_DATA = [
    "[attribute-dataset]\ndataset-kwargs = {{ trust_remote_code = true }}",
    "[attribute-dataset]\ndataset = './m'",
    "[attribute-dataset]\ndataset-dir = 'm'",
    "[attribute-dataset]\ndataset-files = ['m/x.json']",
    "[attribute-dataset]\nengine = 'ray'",
    "[attribute-dataset]\naddress = 'ray://elsewhere:10001'",
    "[attribute-dataset]\nresume = true",
    "[attribute-dataset]\nauth = 'x'",
    "[common]\nsave_path = 'out'",
]


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from elsewhere, with code in it, and the working folder below it."""
    folder = tmp_path / "foreign"
    (folder / "m").mkdir(parents=True)
    (folder / ".git").mkdir()
    code = EVIL.format(marker=str(tmp_path / "ran"))
    for place in (folder / "evil.py", folder / "m" / "modeling_evil.py", folder / "m" / "custom_generate.py"):
        place.write_text(code)
    remote = {"AutoConfig": "modeling_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"}
    (folder / "m" / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": remote}))
    return folder


def files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("below", ["", "a"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_found_file_that_would_run_write_or_load_is_refused(
    wherefrom: Callable[..., Any],
    foreign: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attack: str,
    below: str,
) -> None:
    (foreign / "wherefrom.toml").write_text(attack.format(here=foreign))
    (foreign / "a").mkdir()
    (foreign / "a" / "m").mkdir()
    monkeypatch.chdir(foreign / below)
    before = files_of(foreign)
    ran = wherefrom("attribute", "-i", "George", "-g", "George was", "-q")
    assert ran.code == 2, ran.err
    assert "project's file may not" in ran.err or "has no option" in ran.err
    assert files_of(foreign) == before
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("attack", ATTACKS_ON_DATA)
def test_a_found_file_does_not_choose_data_engine_or_place(
    wherefrom: Callable[..., Any], foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    (foreign / "wherefrom.toml").write_text(attack.format(here=foreign))
    monkeypatch.chdir(foreign)
    ran = wherefrom("attribute-dataset", "-d", "texts.jsonl", "-q")
    assert ran.code == 2
    assert "project's file may not" in ran.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("attack", ["[attribute]\nplugin = ['evil.py']", "[common]\nmodel = './m'"])
def test_config_show_refuses_it_too(
    wherefrom: Callable[..., Any], foreign: Path, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    (foreign / "wherefrom.toml").write_text(attack)
    monkeypatch.chdir(foreign)
    ran = wherefrom("config", "show")
    assert ran.code == 2
    assert "project's file may not" in ran.err


@pytest.mark.parametrize("way", ["flag", "config-file", "config-file in the environment", "environment", "user"])
def test_whoever_was_asked_may_name_a_plugin(
    wherefrom: Callable[..., Any], foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "mine.toml"
    config.write_text(f"[attribute]\nplugin = ['{foreign}/evil.py']\n")
    more: list[str] = []
    if way == "flag":
        more = ["--plugin", f"{foreign}/evil.py"]
    elif way == "config-file":
        more = ["--config-file", "mine.toml"]
    elif way == "config-file in the environment":
        monkeypatch.setenv("WHEREFROM_CONFIG_FILE", str(config))
    elif way == "environment":
        monkeypatch.setenv("WHEREFROM_PLUGIN", f"{foreign}/evil.py")
    else:
        (tmp_path / "no-config" / "wherefrom").mkdir(parents=True)
        config.rename(tmp_path / "no-config" / "wherefrom" / "config.toml")
    ran = wherefrom("attribute", "-i", "George", "-g", "George was", "-q", "-m", "demo:lm", "--dry-run", *more)
    assert ran.code == 0, ran.err
    assert (tmp_path / "ran").exists()


def test_what_changes_numbers_and_looks_alone_is_taken(
    wherefrom: Callable[..., Any], foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (foreign / "wherefrom.toml").write_text(
        "[common]\nmodel = 'demo:lm'\n[attribute]\nmethod = 'attention'\nseed = 3\n"
        "generation-kwargs = { max_new_tokens = 2, do_sample = false }\njson = true\n"
    )
    monkeypatch.chdir(foreign)
    ran = wherefrom("attribute", "-i", "George was", "-q")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["provenance"]["method"]["name"] == "attention"


def test_every_option_is_harmless_or_refused_and_the_list_has_no_stranger() -> None:
    options = {action.dest for name in modules() for action in load_command(name).parser().option_names.values()}
    assert options >= HARMLESS
    dangerous = {
        "plugin", "model_kwargs", "tokenizer", "tokenizer_kwargs", "dataset_kwargs", "framework", "save_path",
        "viz_path", "output", "overwrite", "log_file", "config_file", "input_file", "documents", "chat",
        "null_contexts", "null_documents", "citations", "dataset_name",
        "dataset_dir", "dataset_files", "engine", "address", "resume", "retry_failed", "user", "auth",
        "host", "port", "token", "run", "tables", "gold", "annotate", "markdown", "site", "frames",
    }  # fmt: skip
    assert dangerous <= options
    assert not dangerous & HARMLESS
    unclassified = options - HARMLESS - dangerous - _NOT_SETTABLE
    assert unclassified == {
        "streaming", "dataset_config", "dataset_revision", "actors", "gpus_per_actor", "cpus_per_actor", "to",
        "max_characters", "max_passes", "max_question_passes", "max_evaluation_passes", "span", "reasoning", "public",
        "without", "animate", "contrast_targets",
    }  # fmt: skip
    assert not HARMLESS_GENERATION & {"custom_generate", "trust_remote_code", "assistant_model", "logits_processor"}


@pytest.mark.parametrize("spec", ["occlusion[tables={here}/tables]", "learned_attention[weights=m/config.json]"])
def test_a_found_file_does_not_hide_a_place_in_the_name_of_a_method(
    wherefrom: Callable[..., Any], foreign: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    (foreign / "wherefrom.toml").write_text(f"[bench]\nmethods = ['{spec.format(here=foreign)}']\n")
    monkeypatch.chdir(foreign)
    before = files_of(foreign)
    ran = wherefrom("bench", "-m", "demo:lm", "-q")
    assert ran.code == 2, ran.err
    assert "project's file may not" in ran.err
    assert files_of(foreign) == before


def test_every_setting_that_takes_a_text_is_a_harmless_word_or_refused() -> None:
    """Read from the registries, so that a setting that is added later is looked at before a found file may set it."""
    texts: dict[str, Any] = {}
    for table in (METHODS, STEP_FUNCTIONS):
        for identifier in table:
            cls: Any = table.get(identifier)
            own = {one.name: one for one in attrs.fields(attrs.resolve_types(cls)) if one.init}
            for name, one in {**own, **{old: own[new] for old, new in former_names(cls).items()}}.items():
                kinds = set(get_args(one.type)) if get_origin(one.type) in (Union, UnionType) else {one.type}
                if not kinds <= {bool, int, float, NoneType}:
                    texts[name] = one
    assert set(texts) - HARMLESS_WORDS == {"tables", "cache_dir", "weights", "sampler"}
    assert not [name for name in HARMLESS_WORDS & texts.keys() if texts[name].validator is a_folder]
    assert texts["tables"].validator is a_folder
    assert texts["cache_dir"].validator is a_folder


class TestWhereTheSearchEnds:
    """`project_file` looks upwards, but not beyond what is the user's."""

    @pytest.fixture(autouse=True)
    def tree(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "home" / "repo" / "deep").mkdir(parents=True)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path / "home" / "repo" / "deep")
        (tmp_path / "wherefrom.toml").write_text("")

    def test_above_home(self) -> None:
        assert project_file() is None

    def test_in_home(self, tmp_path: Path) -> None:
        (tmp_path / "home" / "wherefrom.toml").write_text("")
        assert project_file() == tmp_path / "home" / "wherefrom.toml"

    @pytest.mark.parametrize("worktree", [False, True])
    def test_above_the_repository(self, tmp_path: Path, worktree: bool) -> None:
        (tmp_path / "home" / "wherefrom.toml").write_text("")
        mark = tmp_path / "home" / "repo" / ".git"
        mark.write_text("gitdir: elsewhere") if worktree else mark.mkdir()
        assert project_file() is None
        (tmp_path / "home" / "repo" / "wherefrom.toml").write_text("")
        assert project_file() == tmp_path / "home" / "repo" / "wherefrom.toml"

    def test_a_file_of_somebody_else_ends_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "home" / "wherefrom.toml").write_text("")
        theirs = tmp_path / "home" / "repo" / "wherefrom.toml"
        theirs.write_text("")
        monkeypatch.setattr(trust, "is_own", lambda path: path != theirs)
        assert project_file() is None

    def test_a_folder_of_somebody_else_ends_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "home" / "wherefrom.toml").write_text("")
        monkeypatch.setattr(trust, "is_own", lambda path: path != tmp_path / "home" / "repo")
        assert project_file() is None

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
    def test_owners_are_those_of_link_and_target(self, tmp_path: Path) -> None:
        theirs = tmp_path / "home" / "repo" / "deep" / "wherefrom.toml"
        theirs.write_text("")
        os.chown(theirs, 12345, 12345)
        assert project_file() is None
        assert distrusted_file() == theirs
        theirs.rename(theirs.with_name("target"))
        theirs.symlink_to("target")
        assert not is_own(theirs)
        assert project_file() is None

    def test_a_file_that_anybody_may_write_ends_it(self, tmp_path: Path) -> None:
        loose = tmp_path / "home" / "repo" / "deep" / "wherefrom.toml"
        loose.write_text("")
        loose.chmod(0o666)
        assert project_file() is None
        assert distrusted_file() == loose
        loose.chmod(0o664)
        assert project_file() == loose


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "wherefrom_cli"],
        pytest.param(["-c", "from wherefrom_cli.main import run; run()"], marks=pytest.mark.heavy),
    ],
)
def test_a_module_in_the_folder_stands_in_for_nothing(tmp_path: Path, command: list[str]) -> None:
    code = EVIL.format(marker=str(tmp_path / "ran"))
    for name in ("evil", "datasets", "ray", "wherefrom_viz", "sitecustom"):
        (tmp_path / f"{name}.py").write_text(code)
    if command[0] == "-c":
        command = ["-P", *command]  # what the installed script does: its own folder is first, not this one
    call = [sys.executable, *command, "attribute", "-m", "demo:lm", "-i", "George", "--max-new-tokens", "1"]
    done = subprocess.run([*call, "-q"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "George" in done.stdout
    done = subprocess.run([*call, "--plugin", "evil"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "'evil' was not found" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("option", ["input_current_text", "output_context_text", "input_text"])
@pytest.mark.parametrize("value", ["@/etc/hostname", "@m", "-"])
def test_texts_of_a_project_s_file_are_written_out(option: str, value: str) -> None:
    with pytest.raises(UsageError, match="may not name a file of texts"):
        check_project_value(Path("wherefrom.toml"), option, option, value)
    check_project_value(Path("wherefrom.toml"), option, option, "@@m")
    check_project_value(Path("wherefrom.toml"), option, option, "Mary was")
