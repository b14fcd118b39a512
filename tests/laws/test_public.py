"""Nothing that is written of a public copy names a place of the machine, or a secret that a model was loaded with,
whatever the format and the entry point."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import wherefrom
from wherefrom.context import ContextAttribution
from wherefrom.errors import SettingsError
from wherefrom.results.attribution import Attributions
from wherefrom.text.tokens import Segment
from wherefrom_cli.main import main
from wherefrom_viz.page.packing import from_base85

HOME = "house-of-ann"
PATH = f"/home/{HOME}/thing"
SECRET = "sesame"


def everywhere(value: Any) -> Any:
    """A copy of provenance in which every text is a path."""
    if isinstance(value, str):
        return PATH if value else value
    if isinstance(value, dict):
        return {name: everywhere(one) for name, one in value.items()}
    return [everywhere(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def told() -> Attributions:
    """A real result about which every text says where Ann lives, its own texts apart."""
    out = wherefrom.load_model("demo:lm", "saliency").attribute(
        "He was sick.", generation_args={"max_new_tokens": 2}, show_progress=False
    )
    made = msgspec.structs.replace(
        out.provenance,
        **{
            name: everywhere(getattr(out.provenance, name))
            for name in ("model", "arguments", "generation_args", "method", "attributed_fn")
        },
        warnings=[f"Could not read {PATH}.", f"Nothing at '{PATH} x'."],
        created="2025-01-01T00:00:00Z",
        extra={"path": PATH},
    )
    loaded = {"adapter_kwargs": {"token": SECRET}, "proxies": [{"https": f"https://ann:{SECRET}@proxy"}]}
    made = msgspec.structs.replace(made, model={**made.model, "model_kwargs": loaded})
    one = out[0].replace(
        id=PATH,
        details={**out[0].details, "path": PATH},
        annotations={"tags": [PATH], PATH: 1},
        segments=(Segment(side="target", start=0, end=2, kind="document", label=PATH),),
        extra={"path": PATH},
    )
    return out.replace(sequence_attributions=(one,), provenance=made)


def opened(data: bytes) -> bytes:
    """The content of a page or a site's file, unpacked blocks behind it."""
    unpacked = [data]
    for part in data.split(b'<script type="text/plain" data-wf="')[1:]:
        text = part[part.index(b">") + 1 : part.index(b"</script>")].decode()
        unpacked.append(zlib.decompress(from_base85(text)))
    return b"\n".join(unpacked)


def rendered(name: str) -> Callable[..., bytes]:
    def draw(out: Attributions, **options: Any) -> bytes:
        drawn = getattr(out, f"to_{name}")(**options)
        return opened(drawn if isinstance(drawn, bytes) else drawn.encode())

    return draw


@pytest.mark.parametrize("name", ["html", "svg", "markdown", "latex", "text"])
def test_no_drawing_tells(told: Attributions, name: str) -> None:
    assert HOME.encode() not in rendered(name)(told, public=True)


@pytest.mark.parametrize("name", ["html", "svg", "text"])
def test_no_drawing_of_one_example_tells(told: Attributions, name: str) -> None:
    one = told[0]
    for text in (HOME, SECRET):
        assert text in str(one.provenance)
        assert text not in str(one.public().provenance)
        assert text not in str(told.public()[0].provenance)
    assert HOME.encode() not in rendered(name)(one, public=True)


def test_without_being_asked_a_page_tells(told: Attributions) -> None:
    assert HOME.encode() in rendered("html")(told)


COMMANDS = {
    "html": ("export", "-o", "out.html"),
    "svg": ("export", "-o", "out.svg"),
    "csv": ("export", "-o", "out.csv", "--steps"),
    "markdown": ("export", "-o", "out.md"),
    "site": ("export", "--site", "out"),
    "json": ("convert", "-o", "out.json"),
    "msgpack": ("convert", "-o", "out.msgpack"),
    "inseq": ("convert", "-o", "out.json", "--to", "inseq"),
    "run": ("convert", "-o", "out", "--to", "run"),
}


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("kind", COMMANDS)
def test_no_command_writes_it(
    told: Attributions, kind: str, public: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / HOME
    home.mkdir()
    monkeypatch.chdir(home)
    told.save(home / "told.json")
    command, *arguments = COMMANDS[kind]
    assert main([command, str(home / "told.json"), *arguments, *(["--public"] if public else [])]) == 0
    written = home / "out" if (home / "out").is_dir() else next(home.glob("out.*"))
    files = [file for file in written.rglob("*") if file.is_file()] if written.is_dir() else [written]
    content = b"\n".join(
        zlib.decompress(file.read_bytes()) if file.suffix == ".bin" else opened(file.read_bytes()) for file in files
    )
    found = HOME.encode() in content
    assert not (public and found)
    assert not (public and SECRET.encode() in content)
    if not public and kind not in ("svg", "markdown", "csv"):
        assert found, "else this test could not fail"


def test_no_context_page_tells() -> None:
    out = wherefrom.load_model("demo:lm", "saliency").attribute_context(
        "He went to", "George was sick.", generation_args={"max_new_tokens": 2}
    )
    assert out.provenance is not None
    made = msgspec.structs.replace(out.provenance, model=everywhere(out.provenance.model), warnings=[PATH])
    out = out.replace(provenance=made, info={**out.info, "model_name_or_path": PATH, "attribution_method": PATH})
    assert HOME in out.to_json()
    assert HOME in out.to_html()
    assert HOME not in out.public().to_json()
    assert HOME not in out.to_html(public=True)
    assert isinstance(out.public(), ContextAttribution)
    assert out.replace(provenance=None).public().provenance is None
    named = {**out.info, "model_name_or_path": "acme\\model"}
    assert out.replace(info=named).public().info["model_name_or_path"] == "model"
    with pytest.raises(SettingsError, match="generation_arg"):
        out.replace(provenance=None).public(without=["generation_arg"])
