"""``python -m wherefrom_cli``, for where the script is not on the path."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # `-m` puts the current folder first, where a file could stand in for any module that is imported later
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    from wherefrom_cli.main import run

    run()
