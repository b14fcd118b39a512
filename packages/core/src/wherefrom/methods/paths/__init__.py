"""Paths from a baseline to the input, and the quadrature along them."""
