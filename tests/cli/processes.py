"""Commands in processes of their own, which may be killed."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

from wherefrom_cli.main import main


def started(arguments: list[str], errors: Path) -> BaseProcess:
    """The command in a process of its own, forked from one that has the libraries: a kill then costs no start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wherefrom_cli.commands.attribute_dataset", "wherefrom_hf.adapter", "datasets"])
    process = context.Process(target=run, args=(arguments, str(errors)))
    process.start()
    return process


def run(arguments: list[str], errors: str) -> None:
    """Run the command and leave with its code; what it says on standard error goes to a file."""
    with Path(errors).open("w", encoding="utf-8") as file:
        sys.stderr = file
        code = main(arguments)
    sys.exit(code)
