"""The pages name the defaults that the settings have."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
from wherefrom.methods.perturbation.settings import PerturbationSettings

PAGE = Path(__file__).parents[2] / "docs" / "methods-perturbation.md"


def test_the_page_of_perturbation_methods_names_the_defaults() -> None:
    fields = attrs.fields_dict(PerturbationSettings)  # type: ignore[arg-type]
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    for name in ("units", "baseline"):
        (section,) = (one for one in sections if one.splitlines()[0].endswith(f": `{name}=`"))
        assert re.findall(r'`"(\w+)"` \(default\b', section) == [fields[name].default], name
