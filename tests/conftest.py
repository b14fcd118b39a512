"""What holds for every test: examples that are drawn have no deadline, so that a busy machine fails nothing."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
