"""Files: what users call to read and write results.

The schema is in `wherefrom.files.wire`; here are whole files, runs, and formats of other tools.
"""

from typing import TYPE_CHECKING

from wherefrom._late import late

if TYPE_CHECKING:
    from wherefrom.files.manifest import Manifest, fingerprint_of
    from wherefrom.files.runs import Run, open_run
    from wherefrom.files.single import load, save, save_inseq
    from wherefrom.files.summaries import Summary
    from wherefrom.files.writing_runs import RunWriter, create_run, write_run

__all__ = [
    "Manifest",
    "Run",
    "RunWriter",
    "Summary",
    "create_run",
    "fingerprint_of",
    "load",
    "open_run",
    "save",
    "save_inseq",
    "write_run",
]

_LATE = {
    "Manifest": "wherefrom.files.manifest",
    "Run": "wherefrom.files.runs",
    "RunWriter": "wherefrom.files.writing_runs",
    "Summary": "wherefrom.files.summaries",
    "create_run": "wherefrom.files.writing_runs",
    "fingerprint_of": "wherefrom.files.manifest",
    "load": "wherefrom.files.single",
    "open_run": "wherefrom.files.runs",
    "save": "wherefrom.files.single",
    "save_inseq": "wherefrom.files.single",
    "write_run": "wherefrom.files.writing_runs",
}
"""The wire format lives below and is used by results, which these functions return."""

__getattr__ = late(__name__, _LATE)
