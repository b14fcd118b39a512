"""Which optional packages are installed."""

from __future__ import annotations

from importlib.util import find_spec


def _installed(name: str) -> bool:
    return find_spec(name) is not None


def is_ipywidgets_available() -> bool:
    """Is ipywidgets installed?"""
    return _installed("ipywidgets")


def is_scikitlearn_available() -> bool:
    """Is scikit-learn installed?"""
    return _installed("sklearn")


def is_transformers_available() -> bool:
    """Is transformers installed?"""
    return _installed("transformers")


def is_sentencepiece_available() -> bool:
    """Is sentencepiece installed?"""
    return _installed("sentencepiece")


def is_datasets_available() -> bool:
    """Is datasets installed?"""
    return _installed("datasets")


def is_captum_available() -> bool:
    """Is captum installed?"""
    return _installed("captum")


def is_joblib_available() -> bool:
    """Is joblib installed?"""
    return _installed("joblib")


def is_nltk_available() -> bool:
    """Is NLTK installed?"""
    return _installed("nltk")


def is_accelerate_available() -> bool:
    """Is accelerate installed?"""
    return _installed("accelerate")
