from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wherefrom_viz.describe.numbers import number_style


@given(st.floats(1e-30, 1e30), st.floats(-1, 1))
def test_no_number_is_wider_than_five(largest: float, share: float) -> None:
    assert len(number_style(largest)(share * largest)) <= 5


def test_zero_has_no_sign() -> None:
    assert number_style(1.0)(-0.0001) == "0.00"
