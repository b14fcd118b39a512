"""Without the package of an adapter, loading says which one to install."""

from __future__ import annotations

import pytest
import wherefrom
from wherefrom._registry import Registry
from wherefrom.errors import MissingDependencyError, UnknownNameError


def test_loading_without_the_transformers_adapter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "_entry_points", lambda self: [])
    monkeypatch.setattr("wherefrom.loading.ADAPTERS._entries", {})
    with pytest.raises(MissingDependencyError, match="pip install wherefrom-hf"):
        wherefrom.load_model("demo:lm", "saliency")
    with pytest.raises(UnknownNameError, match="nonsense"):
        wherefrom.load_model("demo:lm", "saliency", framework="nonsense")
