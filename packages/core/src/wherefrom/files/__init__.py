"""Files: what users call to read and write results.

The schema is in `wherefrom.wire`; here are whole files, runs, and formats of other tools.
"""

from wherefrom.files.manifest import Manifest, fingerprint_of
from wherefrom.files.runs import Run, open_run
from wherefrom.files.single import load, save, save_inseq
from wherefrom.files.summaries import Summary
from wherefrom.files.writing_runs import RunWriter, create_run

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
]
