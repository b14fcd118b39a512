"""Options of a data set."""

from __future__ import annotations

from dataclasses import dataclass

from wherefrom.inseq.utils.argparse import cli_arg


@dataclass
class LoadDatasetArgs:
    """Where the texts are."""

    dataset_name: str = cli_arg(aliases=["-d", "--dataset"], help="name or path of the data set")
    input_text_field: str | None = cli_arg(aliases=["-in", "--input"], help="field with the texts")
    generated_text_field: str | None = cli_arg(
        default=None, aliases=["-gen", "--generated"], help="field with outputs to explain"
    )
    dataset_config: str | None = cli_arg(default=None, aliases=["--config"], help="configuration")
    dataset_dir: str | None = cli_arg(default=None, aliases=["--dir"], help="folder")
    dataset_files: list[str] | None = cli_arg(default=None, aliases=["--files"], help="files")
    dataset_split: str | None = cli_arg(default="train", aliases=["--split"], help="split")
    dataset_revision: str | None = cli_arg(default=None, aliases=["--revision"], help="revision")
    dataset_auth_token: str | None = cli_arg(default=None, aliases=["--auth"], help="token for the hub")
    dataset_kwargs: dict | None = cli_arg(default_factory=dict, help="JSON: for load_dataset")  # type: ignore[type-arg]
