from __future__ import annotations

import pytest
from wherefrom.errors import SettingsError
from wherefrom_viz import colours
from wherefrom_viz.colours import PALETTES, Palette, Theme

CASES = [(palette, theme) for palette in PALETTES.values() for theme in ("light", "dark")]


@pytest.mark.parametrize("palette, theme", CASES, ids=lambda case: getattr(case, "name", case))
def test_text_on_every_colour_reads_at_four_and_a_half_to_one(palette: Palette, theme: Theme) -> None:
    for step in range(-100, 101):
        background = palette.colour(step / 100, theme)
        assert colours.contrast(background, colours.text_on(background)) >= 4.5


@pytest.mark.parametrize("palette, theme", CASES, ids=lambda case: getattr(case, "name", case))
def test_ramps_go_steadily_away_from_the_page(palette: Palette, theme: Theme) -> None:
    for sign in (1, -1):
        light = [colours.luminance(palette.ramp(sign, theme)(step / 20)) for step in range(21)]
        assert light == sorted(light, reverse=theme == "light")


@pytest.mark.parametrize("palette, theme", CASES, ids=lambda case: getattr(case, "name", case))
def test_the_256_colour_ramps_keep_the_sign(palette: Palette, theme: Theme) -> None:
    up, down = (colours.terminal_steps(palette.ramp(sign, theme)) for sign in (1, -1))
    assert len(up) >= 5
    assert len(down) >= 5
    assert not set(up) & set(down)


def test_unknown_palette_suggests_the_nearest() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'red-blue'"):
        colours.palette_named("redblue")


def test_hex_round_trip() -> None:
    assert colours.to_hex(colours.from_hex("#d64541")) == "#d64541"
