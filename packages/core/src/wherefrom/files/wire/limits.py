"""How much memory a file may ask for.

A file can claim arrays far larger than itself, or unpack to a thousand times its size. What is read is therefore
charged to a budget that grows with the file, so that honest files of any size pass and hostile ones end early.
"""

from __future__ import annotations

from wherefrom.errors import FileFormatError, SettingsError
from wherefrom.settings import is_whole

ALLOWANCE = 256 * 2**20
"""Bytes that any file may unpack to."""

RATIO = 100
"""Bytes beyond that for each byte of the file."""


OBJECT_SIZE = 30
"""Bytes of memory per byte of JSON that becomes objects, at worst."""


class OverBudgetError(FileFormatError):
    """More memory than may be asked for: the file may be whole."""


def check_max_bytes(limit: object) -> None:
    """Raises: SettingsError: The limit admits no file, or is none."""
    if limit is not None and (not is_whole(limit) or limit < 1):
        raise SettingsError(f"max_bytes = {limit!r} admits no file. Give a positive number, or None for any size.")


class Budget:
    """Bytes that may still be allocated while one file is read."""

    def __init__(self, file_bytes: int, limit: int | None = None) -> None:
        check_max_bytes(limit)
        self.limit = ALLOWANCE + RATIO * file_bytes if limit is None else limit
        self.left = self.limit

    def spend(self, wanted: int, what: str) -> None:
        """Take ``wanted`` bytes for ``what``.

        Raises:
            OverBudgetError: There are not so many left.
        """
        if wanted > self.left:
            raise OverBudgetError(
                f"{what} needs {wanted:,} bytes, and {self.left:,} of {self.limit:,} are left for this file. "
                "If you trust it, raise max_bytes."
            )
        self.left -= wanted
