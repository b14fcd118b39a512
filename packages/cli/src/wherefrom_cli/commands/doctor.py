"""``wherefrom doctor``: is everything there that work needs?"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import asdict, frozen
from wherefrom.errors import WherefromError

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.request import ModelRequest

NEEDED = ("wherefrom", "wherefrom-viz", "wherefrom-cli", "numpy", "datasets", "rich", "textual")
TRANSFORMERS = ("wherefrom-hf", "torch", "transformers", "captum")
"""What models of transformers need, the demo models included: a problem where no other adapter is installed."""
INSTALL_TRANSFORMERS = "pip install 'wherefrom-cli[hf]'"
OPTIONAL = {
    "wherefrom-keras": "pip install 'wherefrom-cli[keras]'",
    "wherefrom-openai": "pip install 'wherefrom-cli[openai]'",
    "wherefrom-playground": "pip install 'wherefrom-cli[serve]'",
    "ray": "pip install 'wherefrom-cli[ray]'",
    "resvg-py": "pip install resvg-py",
    "cairosvg": "pip install cairosvg",
    "pandas": "pip install pandas",
    "polars": "pip install polars",
}


@frozen(kw_only=True)
class Finding:
    """What one look found."""

    subject: str
    state: str
    """``"ok"``, ``"missing"`` (optional) or ``"problem"``."""
    detail: str
    cure: str = ""


def configure(parser: CommandParser) -> None:
    """Add the options."""
    group = parser.group("What")
    group.add("--quick", action="store_true", help="do not load torch and the demo model")
    group.add("--json", action="store_true", help="one JSON document")


def execute(options: Options, console: Console) -> int:
    """Look, and report; exit code 1 if something needed is missing."""
    findings = list(look(quick=options.quick))
    if options.json:
        console.line(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            console.line(f"{finding.state:<8} {finding.subject:<{width}}  {finding.detail}")
            if finding.cure and finding.state != "ok":
                console.line(f"{'':<8} {'':<{width}}  -> {finding.cure}")
    return ExitCode.FAILED if any(finding.state == "problem" for finding in findings) else ExitCode.DONE


def look(*, quick: bool) -> Iterator[Finding]:
    """All findings, one after another."""
    yield Finding(subject="python", state="ok", detail=f"{platform.python_version()} at {sys.executable}")
    for name in NEEDED:
        yield _package(name, "problem", f"pip install {name}")
    adapters = {point.name for point in importlib.metadata.entry_points(group="wherefrom.adapters")}
    for name in TRANSFORMERS:
        yield _package(name, "missing" if adapters - {"hf_transformers"} else "problem", INSTALL_TRANSFORMERS)
    for name, cure in OPTIONAL.items():
        yield _package(name, "missing", cure)
    yield _checked("space for files", _space)
    yield Finding(subject="terminal", state="ok", detail=_terminal())
    if not quick and "hf_transformers" in adapters:
        yield _checked("device", _device)
        yield _checked("demo:lm", _demo)


def _package(name: str, if_absent: str, cure: str) -> Finding:
    try:
        return Finding(subject=name, state="ok", detail=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(subject=name, state=if_absent, detail="not installed", cure=cure)


def _checked(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject=subject, state="ok", detail=check())
    except (WherefromError, OSError, ImportError, RuntimeError) as error:
        return Finding(subject=subject, state="problem", detail=f"{type(error).__name__}: {error}".splitlines()[0])


def _space() -> str:
    with tempfile.NamedTemporaryFile(dir=".") as probe:
        probe.write(b"x")
        probe.flush()
    return f"{shutil.disk_usage('.').free / 1e9:.1f} GB free in {Path.cwd()}"


def _terminal() -> str:
    size = shutil.get_terminal_size()
    facts = [f"{size.columns} x {size.lines}", f"TERM={os.environ.get('TERM', '')}"]
    facts += [name for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM") if os.environ.get(name)]
    return ", ".join(facts)


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name(0)}, {torch.cuda.device_count()} in all"
    return f"cpu, {torch.get_num_threads()} threads"


def _demo() -> str:
    model = ModelRequest(name="demo:lm").load()
    out = model.attribute("George was sick yesterday.", method="saliency", generation_args={"max_new_tokens": 2})
    return f"loads, generates and explains ({out[0].attr_pos_end - out[0].attr_pos_start} tokens)"


COMMAND = Command(
    name="doctor",
    summary="Check that everything is installed and works.",
    examples=(("wherefrom doctor", "look at everything"), ("wherefrom doctor --quick", "versions only")),
    configure=configure,
    execute=execute,
)
