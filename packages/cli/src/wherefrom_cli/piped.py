"""A Rich console whose reader may stop reading."""

from __future__ import annotations

from rich.console import Console


class PipedConsole(Console):
    """One that leaves a closed pipe to whoever prints: Rich would end the process with an exit code of its own."""

    def on_broken_pipe(self) -> None:
        """Hand on the `BrokenPipeError` that is being handled."""
        raise
