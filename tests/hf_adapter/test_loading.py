"""Where models lie, their tokenizers with them: what says so reaches all that is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from wherefrom import load_model
from wherefrom.errors import ModelLoadError, SettingsError
from wherefrom_hf import _loading
from wherefrom_hf.demo import demo_path

TEXT = ("The teacher saw", "The teacher saw the doctor .")


def copied(folder: Path, *, without: str = "nothing") -> Path:
    return Path(shutil.copytree(demo_path("lm"), folder, ignore=shutil.ignore_patterns(without)))


def test_a_tokenizer_is_taken_from_the_models_own_subfolder(tmp_path: Path) -> None:
    copied(tmp_path / "sub")
    for file in demo_path("mt").glob("*token*"):
        shutil.copy(file, tmp_path)
    model = load_model(tmp_path, device="cpu", model_kwargs={"subfolder": "sub"})
    own = AutoTokenizer.from_pretrained(str(demo_path("lm")))
    assert model.tokenizer.get_vocab() == own.get_vocab()


def test_a_tokenizer_that_is_not_in_the_subfolder_is_had_by_its_own_arguments(tmp_path: Path) -> None:
    copied(tmp_path / "sub", without="*token*")
    for file in demo_path("lm").glob("*token*"):
        shutil.copy(file, tmp_path)
    with pytest.raises(ModelLoadError, match=r"in the subfolder 'sub'.*tokenizer_kwargs=\{'subfolder': \.\.\.\}"):
        load_model(tmp_path, device="cpu", model_kwargs={"subfolder": "sub"})
    given = {"model_kwargs": {"subfolder": "sub"}, "device": "cpu"}
    shutil.copy(tmp_path / "sub" / "config.json", tmp_path)
    assert len(load_model(tmp_path, **given, tokenizer_kwargs={"subfolder": ""}).tokenizer) > 100
    assert len(load_model(tmp_path, **given, tokenizer=str(demo_path("lm"))).tokenizer) > 100


WHERE = {
    "revision": "v1",
    "subfolder": "sub",
    "token": "hf_x",
    "cache_dir": "/x",
    "local_files_only": True,
    "force_download": False,
    "proxies": {},
    "trust_remote_code": True,
    "code_revision": "v2",
    "gguf_file": "x.gguf",
}


def test_what_says_where_a_model_lies_reaches_its_configuration_and_its_tokenizer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, dict[str, Any]] = {}

    def recording(kind: Any) -> None:
        loaded = kind.from_pretrained(str(demo_path("lm")))

        def from_pretrained(path: str, **given: Any) -> Any:
            asked[kind.__name__] = given
            return loaded

        monkeypatch.setattr(kind, "from_pretrained", from_pretrained)

    for kind in (AutoTokenizer, AutoModelForCausalLM, AutoConfig):
        recording(kind)
    given = {**WHERE, "attn_implementation": "eager"}
    load_model("x/y", device="cpu", model_kwargs=given, tokenizer_kwargs={"revision": "v3"})
    assert asked["AutoModelForCausalLM"] == given
    assert asked["AutoConfig"] == WHERE
    assert asked["AutoTokenizer"] == {**WHERE, "revision": "v3"}
    load_model("x/y", tokenizer="x/z", device="cpu", model_kwargs=given, tokenizer_kwargs={"revision": "v3"})
    assert asked["AutoTokenizer"] == {"revision": "v3"}


def of_ones_own(folder: Path, what: str) -> Path:
    """A model whose configuration and class, or whose tokenizer, has code of its own."""
    copied(folder)
    (folder / "mine.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast\n"
        "class Config(LlamaConfig):\n    model_type = 'mine'\n"
        "class Model(LlamaForCausalLM):\n    config_class = Config\n"
        "class Tokenizer(PreTrainedTokenizerFast):\n    pass\n"
    )
    file, names = {
        "model": ("config.json", {"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"}),
        "tokenizer": ("tokenizer_config.json", {"AutoTokenizer": ["mine.Tokenizer", "mine.Tokenizer"]}),
    }[what]
    said = json.loads((folder / file).read_text()) | {"auto_map": names}
    said |= {"model_type": "mine"} if what == "model" else {"tokenizer_class": "Tokenizer"}
    (folder / file).write_text(json.dumps(said))
    return folder


@pytest.mark.parametrize("what", ["model", "tokenizer"])
def test_code_of_ones_own_is_trusted_where_the_model_is(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.TIME_OUT_REMOTE_CODE", 1)
    monkeypatch.setattr("builtins.input", lambda _: "")
    folder = of_ones_own(tmp_path / f"mine_{what}", what)
    with pytest.raises(ModelLoadError, match=rf"trust_remote_code=True`.*\n.*{what}_kwargs=\{{'trust_remote_code'"):
        load_model(folder, device="cpu")
    model = load_model(folder, device="cpu", model_kwargs={"trust_remote_code": True})
    named = {"model": model.adapter.module, "tokenizer": model.tokenizer}[what]
    assert type(named).__module__.startswith("transformers_modules")


def adapter(folder: Path, **settings: Any) -> tuple[Any, Any]:
    """A folder with an adapter of peft alone, and the model with it."""
    peft = pytest.importorskip("peft", reason="peft is not installed: uv run --with peft pytest")
    base = AutoModelForCausalLM.from_pretrained(str(demo_path("lm")), dtype=torch.float32)
    config = peft.LoraConfig(
        r=4, task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj"], init_lora_weights=False, **settings
    )
    torch.manual_seed(0)
    wrapped = peft.get_peft_model(base, config)
    wrapped.save_pretrained(str(folder))
    return peft, wrapped


def test_an_adapter_is_loaded_by_the_path_of_its_folder(tmp_path: Path) -> None:
    _, wrapped = adapter(tmp_path / "lora")
    tokenizer = AutoTokenizer.from_pretrained(str(demo_path("lm")))

    def scores(model: Any, **given: Any) -> Any:
        loaded = load_model(model, device="cpu", **given)
        return loaded.attribute(*TEXT, "occlusion", show_progress=False)[0].target_attributions

    float32 = {"model_kwargs": {"dtype": torch.float32}}
    expected = scores(wrapped, tokenizer=tokenizer)
    assert np.allclose(scores(tmp_path / "lora", **float32), expected, atol=1e-6, equal_nan=True)
    assert not np.allclose(scores("demo:lm"), expected, atol=1e-2, equal_nan=True)
    tokenizer.add_tokens(["<mine>"])
    tokenizer.save_pretrained(str(tmp_path / "lora"))
    assert "<mine>" in load_model(tmp_path / "lora", device="cpu").tokenizer.get_vocab()


def test_an_adapter_that_works_in_the_wrapper_is_refused_by_path_too(tmp_path: Path) -> None:
    adapter(tmp_path / "alora", alora_invocation_tokens=[5, 6])
    with pytest.raises(SettingsError, match="acts from its invocation tokens on"):
        load_model(tmp_path / "alora", device="cpu")


def test_an_adapter_without_peft_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(demo_path("lm"))}))
    monkeypatch.setattr(_loading, "is_peft_available", lambda: False)
    with pytest.raises(ModelLoadError, match="pip install peft"):
        load_model(tmp_path, device="cpu")


def test_a_folder_that_is_not_there_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="There is no folder"):
        load_model(str(tmp_path / "nowhere"), device="cpu")
