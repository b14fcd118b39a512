"""What was shown is what is saved is what is shown again."""

from __future__ import annotations

from pathlib import Path

import pytest
from wherefrom.files import load
from wherefrom.results.attribution import Attributions
from wherefrom_viz import render_text

from tests.core import golden

METHODS = sorted({case["method"] for case in golden.cases(".agg.")})


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".msgpack", ".json.gz"])
@pytest.mark.parametrize("method", METHODS)
def test_a_reloaded_result_is_shown_alike(method: str, suffix: str, tmp_path: Path) -> None:
    case = next(one for one in golden.cases(".agg.") if one["method"] == method)
    raw = Attributions(sequence_attributions=tuple(made for _, made, _ in golden.attributions(case))[:2])
    for name, made in (("raw", raw), ("done", raw.aggregate())):
        path = tmp_path / f"{name}{suffix}"
        made.save(path)
        assert render_text(load(path)) == render_text(made)
        assert render_text(made) == render_text(raw)
