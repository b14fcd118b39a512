"""``python -m wherefrom_cli``, for where the script is not on the path."""

from __future__ import annotations

from wherefrom_cli.main import run

if __name__ == "__main__":
    run()
