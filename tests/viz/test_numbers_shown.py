from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wherefrom_viz.describe.numbers import number_style, written


@given(st.floats(1e-30, 1e30), st.floats(-1, 1))
def test_no_number_is_wider_than_five(largest: float, share: float) -> None:
    assert len(number_style(largest)(share * largest)) <= 5


def test_zero_has_no_sign() -> None:
    assert number_style(1.0)(-0.0001) == "0.00"


def test_the_smallest_numbers_there_are_have_a_power_of_ten() -> None:
    style = number_style(5e-324)
    assert (style(5e-324), style(-5e-324), style.note) == ("+4.94", "-4.94", "×10⁻³²⁴")
    assert number_style(1.7e308)(1.7e308) == "+1.70"


@given(st.floats(1e-30, 1e30), st.floats(-1e30, 1e30), st.integers(4, 9), st.booleans())
def test_no_number_is_wider_than_its_cell(largest: float, value: float, width: int, plus: bool) -> None:
    assert len(number_style(largest).cell(value, width, plus=plus)) <= width
    assert all(len(text) <= width for text in written([value, largest], width))
