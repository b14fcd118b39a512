"""What `list` and `explain` know."""

from __future__ import annotations

import pytest
from wherefrom.errors import UnknownNameError
from wherefrom_cli.catalogue import KINDS, bibtex, describe, entry, things


@pytest.mark.parametrize("kind", KINDS)
def test_everything_registered_is_described(kind: str) -> None:
    found = dict(things(kind))
    assert found
    for name in found:
        found_here = next(one for one in describe(name) if one.kind == kind)
        assert found_here.text, f"{name} has no documentation"


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'probability'"):
        describe("probabilty")


def test_bibtex_is_made_of_what_the_source_says() -> None:
    source = "Sundararajan, Taly & Yan (2017), section 3, https://arxiv.org/abs/1703.01365."
    assert bibtex("integrated_gradients", source) == (
        "@misc{sundararajan2017,\n"
        "  author = {Sundararajan and Taly and Yan},\n"
        "  year   = {2017},\n"
        "  url    = {https://arxiv.org/abs/1703.01365},\n"
        "  note   = {Source of integrated_gradients in wherefrom},\n"
        "}"
    )


def test_no_paper_no_citation() -> None:
    assert bibtex("dummy", "Nobody's idea.") is None


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_values(kind: str) -> None:
    """A property of the class, which hangs on settings, once stood there as an object in memory."""
    for name, thing in things(kind):
        for fact, value in entry(kind, name, thing).facts:
            assert isinstance(value, bool | str | list), f"{name}: {fact} = {value!r}"
