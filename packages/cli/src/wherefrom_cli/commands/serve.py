"""``wherefrom serve``: a playground in the web browser."""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path

from wherefrom.errors import MissingDependencyError, UsageError
from wherefrom.settings import require_folder

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options, WrongValueError, positive_number
from wherefrom_cli.progress import loading
from wherefrom_cli.request import DEFAULT_MODEL, add_model_options, model_request

_HIGHEST_PORT = 65535
INSTALL = "pip install 'wherefrom-cli[serve]'"


def configure(parser: CommandParser) -> None:
    """Add the options."""
    add_model_options(parser.group("Model"), DEFAULT_MODEL)
    where = parser.group("Where")
    where.add("--host", default="127.0.0.1", metavar="HOST", help="where to listen (default: this machine only)")
    where.add("--port", type=port_number, metavar="N", help="port (default: the first free one from 7860)")
    where.add("--token", metavar="TEXT", help="what visitors must give (default: a new one if others can reach it)")
    where.add("--run", metavar="DIR", help="where results are kept, as runs (default: a new temporary folder)")
    limits = parser.group("Limits")
    limits.add("--max-characters", type=positive_number, default=4000, metavar="N", help="of one question's texts")
    limits.add("--max-new-tokens", type=positive_number, default=64, metavar="N", help="that a visitor can ask for")
    limits.add("--max-passes", type=positive_number, default=512, metavar="N", help="of settings that count steps")
    limits.add(
        "--max-question-passes",
        type=positive_number,
        default=20_000,
        metavar="N",
        help="forward and backward, that one question takes (default: 20000)",
    )
    limits.add(
        "--max-evaluation-passes",
        type=positive_number,
        default=20_000,
        metavar="N",
        help="that an evaluation takes beside those of its question (default: 20000)",
    )


def port_number(text: str) -> int:
    """A port that can be listened on.

    Raises:
        WrongValueError: It is none.
    """
    if (value := positive_number(text)) > _HIGHEST_PORT:
        raise WrongValueError(f"expected a port from 1 to {_HIGHEST_PORT}, got {text!r}")
    return value


def check_host(host: str) -> None:
    """Refuse before the model is loaded what is no address of this machine.

    Raises:
        UsageError: It is none.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind(address)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"--host {host} is no address of this machine: {error}.\n"
            "Give 127.0.0.1 for this machine only, or 0.0.0.0 for all of its addresses."
        ) from error


def execute(options: Options, console: Console) -> int:
    """Load the model and serve until interrupted."""
    try:
        from wherefrom_playground import Keeper, Limits, serve
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"`wherefrom serve` needs the package {error.name!r}, which is not installed.\n{INSTALL}"
        ) from error
    check_host(options.host)
    if options.run:
        require_folder("--run", options.run)
    folder = Path(options.run or Path(tempfile.mkdtemp(prefix="wherefrom-")) / "run")
    asked = model_request(options, default=DEFAULT_MODEL)
    limits = Limits(
        characters=options.max_characters,
        new_tokens=options.max_new_tokens,
        passes=options.max_passes,
        question_passes=options.max_question_passes,
        evaluation_passes=options.max_evaluation_passes,
    )
    with Keeper(folder=folder) as keeper:  # before the model is loaded, which takes its time
        with loading(console, asked.name):
            model = asked.load()
        serve(
            model,
            asked.name,
            keeper,
            limits=limits,
            host=options.host,
            port=options.port,
            token=options.token,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    return ExitCode.DONE


COMMAND = Command(
    name="serve",
    summary="A playground in the web browser: ask a model, see where its tokens come from.",
    examples=(
        ("wherefrom serve", "with the demo model, on this machine"),
        (
            "wherefrom serve -m gpt2 --run asked/",
            "your model; `wherefrom view asked/attributions/*` opens the answers",
        ),
    ),
    configure=configure,
    execute=execute,
)
