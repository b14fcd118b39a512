"""Files: what users call to read and write results.

The schema is in `wherefrom.wire`; here are whole files, runs, and formats of other tools.
"""

from wherefrom.files.single import load, save

__all__ = ["load", "save"]
