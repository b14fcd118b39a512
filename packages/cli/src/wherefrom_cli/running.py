"""Runs one command: configuration, console, errors, exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence

from wherefrom.errors import FileFormatError, ModelLoadError, UsageError, WherefromError

from wherefrom_cli.command import Command
from wherefrom_cli.configuration import apply_configuration
from wherefrom_cli.console import console_for, printable
from wherefrom_cli.exit_codes import ExitCode


def run_command(command: Command, argv: Sequence[str]) -> int:
    """Run ``command`` with ``argv`` and return its exit code; errors are printed, never raised."""
    debug = "--debug" in argv
    try:
        parser = command.parser()
        if _asks_for_help(parser.normalized(argv)):
            sys.stdout.write(parser.format_help())
            return ExitCode.DONE
        apply_configuration(parser, command.name, argv)
        options = parser.parse(argv)
        console = console_for(options)
        with console.working():
            code = command.execute(options, console)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _forget_stdout()
        return ExitCode.PIPE_CLOSED
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            sys.stderr.write("Interrupted.\n")
        return ExitCode.INTERRUPTED
    except Exception as error:
        logging.getLogger("wherefrom.cli").debug("failed", exc_info=True)
        if debug:
            traceback.print_exc()
        for line in error_lines(command.name, error, debug=debug):
            sys.stderr.write(printable(line) + "\n")
        return code_of(error)


def code_of(error: BaseException) -> ExitCode:
    """The exit code an error stands for."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, ModelLoadError):
        return ExitCode.NOT_LOADED
    if isinstance(error, FileFormatError):
        return ExitCode.BAD_FILE
    return ExitCode.FAILED


def error_lines(command: str, error: BaseException, *, debug: bool = False) -> list[str]:
    """An error in at most three short lines: what, why, what to do."""
    if isinstance(error, WherefromError):
        parts = [part.strip() for part in str(error).splitlines() if part.strip()] or [type(error).__name__]
        if len(parts) == 1:
            parts = re.split(r"(?<=[.?!]) (?=[A-Z'`])", parts[0], maxsplit=2)
    elif isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        parts = [f"{error.strerror}{where}"]
    elif isinstance(error, MemoryError):
        parts = ["Out of memory.", "Use a smaller --batch-size, shorter texts, or fewer at once (--limit)."]
    else:
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        parts = [f"{type(error).__name__}: {first}" if first else type(error).__name__]
        if not debug:
            parts.append("This was not expected; --debug shows where it happened.")
    head, *rest = parts[:3]
    return [f"wherefrom {command}: {head}", *(f"  {line}" for line in rest)]


def _asks_for_help(arguments: Sequence[str]) -> bool:
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "-h" in options or "--help" in options


def _forget_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain about the closed pipe."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
