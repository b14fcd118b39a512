"""Files of arrays that are something else: refused in our words, of which none advises to run what a file holds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom import AttributionModel
from wherefrom.errors import FileFormatError, SettingsError
from wherefrom.files.wire.npz import arrays_of
from wherefrom.methods.head_weights import HeadWeights
from wherefrom.methods.perturbation.ablation import AblationTable
from wherefrom.testing import ReferenceModel


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return file.getvalue()


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


CONTENTS = {
    "nothing": (b"", "it is empty"),
    "a text": (b"hello\n", "it begins otherwise"),
    "JSON": (b'{"a": 1}', "it begins otherwise"),
    "one array": (saved(np.zeros(3)), "it begins otherwise"),
    "an archive, cut off": (archive(a=saved(np.zeros(3)))[:60], "a damaged file of arrays"),
    "an array, cut off": (archive(a=saved(np.zeros(3))[:-9]), "a damaged file of arrays"),
    "objects": (archive(a=saved(np.array([{}, None]))), "a damaged file of arrays"),
}


@pytest.mark.parametrize("read", [arrays_of, HeadWeights.load, AblationTable.load])
@pytest.mark.parametrize("kind", CONTENTS)
def test_what_is_no_file_of_arrays_is_told_in_our_words(
    tmp_path: Path, kind: str, read: Callable[[Path], object]
) -> None:
    content, words = CONTENTS[kind]
    (tmp_path / "one.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=words) as refused:
        read(tmp_path / "one.npz")
    assert "pickle" not in str(refused.value)


@pytest.mark.parametrize("read", [arrays_of, HeadWeights.load, AblationTable.load])
def test_what_cannot_be_opened_is_not_called_damaged(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.npz")


def test_weights_that_cannot_be_read_are_told_as_such(tmp_path: Path) -> None:
    model = AttributionModel(ReferenceModel("decoder-only"))
    asked = ("the cat", "the cat sat", "learned_attention")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        model.attribute(*asked, weights=str(tmp_path), show_progress=False)
