"""The command ``attribute-dataset``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wherefrom.errors import InputError, MissingDependencyError, UnknownNameError, nearest
from wherefrom.inseq.commands.attribute.attribute import attribute
from wherefrom.inseq.commands.attribute.attribute_args import AttributeExtendedArgs
from wherefrom.inseq.commands.attribute_dataset.attribute_dataset_args import LoadDatasetArgs
from wherefrom.inseq.commands.base import BaseCLICommand
from wherefrom.inseq.utils.import_utils import is_datasets_available


def load_fields_from_dataset(dataset_args: LoadDatasetArgs) -> tuple[list[str], list[str] | None]:
    """Texts of a data set, and outputs if a field is named.

    Raises:
        MissingDependencyError: The package datasets is not installed.
        UnknownNameError: There is no such field.
        InputError: A row has no text there.
    """
    if not is_datasets_available():
        raise MissingDependencyError("Data sets need the package datasets. Install it with: pip install datasets")
    options = {
        "name": dataset_args.dataset_config,
        "data_dir": dataset_args.dataset_dir,
        "data_files": dataset_args.dataset_files,
        "split": dataset_args.dataset_split,
        "revision": dataset_args.dataset_revision,
        "token": dataset_args.dataset_auth_token,
    }
    given = {name: value for name, value in options.items() if value is not None}
    data = import_module("datasets").load_dataset(
        dataset_args.dataset_name, **given, **(dataset_args.dataset_kwargs or {})
    )
    inputs = _field(data, dataset_args.input_text_field)
    if dataset_args.generated_text_field is None:
        return inputs, None
    return inputs, _field(data, dataset_args.generated_text_field)


def _field(data: Any, name: str | None) -> list[str]:
    if name not in data.column_names:
        raise UnknownNameError(
            f"The data set has no field {name!r}.{nearest(str(name), data.column_names)} It has: "
            f"{', '.join(data.column_names)}."
        )
    texts = list(data[name])
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"Row {row} of the data set has no text in its field {name!r}: {text!r}. Leave out such rows, or take "
                "a field of texts."
            )
    return texts


class AttributeDatasetCommand(BaseCLICommand):
    """Attribute a data set."""

    _name = "attribute-dataset"
    _help = "attribute a whole data set"
    _dataclasses = (AttributeExtendedArgs, LoadDatasetArgs)

    @staticmethod
    def run(args: tuple[AttributeExtendedArgs, LoadDatasetArgs]) -> Any:
        """Do it."""
        attribution, data = args
        return attribute(*load_fields_from_dataset(data), attribution)
