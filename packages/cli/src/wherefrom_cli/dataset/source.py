"""Where a data set comes from: a hub name, a local file or folder, through the library ``datasets``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from attrs import asdict, field, frozen
from wherefrom.errors import ModelLoadError, UsageError

from wherefrom_cli.dataset.identity import streamed_identity
from wherefrom_cli.texts import Example, Fields, examples_in_rows

_BUILDERS = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
}


@frozen(kw_only=True)
class Shard:
    """Every ``of``-th example, beginning with number ``number`` (1 to ``of``)."""

    number: int = 1
    of: int = 1

    def has(self, index: int) -> bool:
        """Is the example at ``index`` ours?"""
        return index % self.of == self.number - 1


@frozen(kw_only=True)
class Numbered:
    """An example and its place in the data set."""

    index: int
    example: Example

    @property
    def key(self) -> str:
        """What the run calls it: its own id, else its place."""
        return self.example.id if self.example.id is not None else str(self.index)


@frozen(kw_only=True)
class DatasetRequest:
    """Which rows of which data set, and which of their columns."""

    name: str
    config: str | None = None
    folder: str | None = None
    files: tuple[str, ...] = ()
    split: str = "train"
    revision: str | None = None
    kwargs: Mapping[str, Any] = field(factory=dict)
    fields: Fields = field(factory=Fields)
    limit: int | None = None
    shard: Shard = field(factory=Shard)

    def load(self) -> Dataset:
        """The data set, opened.

        Raises:
            ModelLoadError: It is not there or cannot be read.
            UsageError: It has several splits and none was chosen.
        """
        import datasets

        datasets.disable_progress_bars()
        name, arguments = self._arguments()
        try:
            if (Path(self.name) / "state.json").is_file():  # what `Dataset.save_to_disk` writes
                self._refuse_splits()
                rows = datasets.load_from_disk(self.name)
            else:
                rows = datasets.load_dataset(name, **arguments)
        except UsageError:
            raise
        except Exception as error:  # the library raises whatever its builders raise
            first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ModelLoadError(
                f"The data set {self.name!r} could not be loaded.\n{type(error).__name__}: {first}\n"
                "Check name, --dataset-config, --split and --dataset-files; local files are given by path."
            ) from error
        if isinstance(rows, Mapping):
            raise UsageError(f"{self.name!r} has the splits {', '.join(map(str, rows))}.\nChoose one with --split.")
        if name == "text":  # a text per line, and none on a blank line, as everywhere
            if isinstance(rows, datasets.Dataset):
                rows = rows.select([place for place, text in enumerate(rows["text"]) if text.strip()])
            else:
                rows = rows.filter(lambda row: bool(row["text"].strip()))
        return Dataset(request=self, rows=cast("Iterable[Mapping[str, Any]]", rows))

    def _refuse_splits(self) -> None:
        """Raise: UsageError: A part is asked for by split, and the folder has one data set without splits."""
        if self.split != "train":
            raise UsageError(
                f"{self.name!r} holds one data set without splits, so there is no {self.split!r}.\n"
                "Leave --split out; --limit and --shard choose a part."
            )

    def _arguments(self) -> tuple[str, dict[str, Any]]:
        arguments: dict[str, Any] = {"split": self.split, **self.kwargs}
        for name, value in (("name", self.config), ("data_dir", self.folder), ("revision", self.revision)):
            if value is not None:
                arguments[name] = value
        if self.files:
            arguments["data_files"] = list(self.files)
        path = Path(self.name)
        if path.is_file():
            if path.suffix not in _BUILDERS:
                raise UsageError(
                    f"{self.name!r} is not a kind of data file we know.\nKnown endings: {', '.join(_BUILDERS)}."
                )
            if not _begins(path).strip():
                raise UsageError(f"There is no text in {self.name}: the file is empty.")
            arguments["data_files"] = str(path)
            if path.suffix == ".tsv":
                arguments.setdefault("sep", "\t")
            return _BUILDERS[path.suffix], arguments
        return self.name, arguments


@frozen(kw_only=True, eq=False)
class Dataset:
    """A data set that was opened; rows are read as they are asked for."""

    request: DatasetRequest
    rows: Iterable[Mapping[str, Any]]

    def __len__(self) -> int:
        """How many examples are ours.

        Raises:
            TypeError: It is streamed; nobody knows.
        """
        rows = min(len(self.rows), self.request.limit or len(self.rows))  # type: ignore[arg-type]
        shard = self.request.shard
        return len(range(shard.number - 1, rows, shard.of))

    @property
    def size(self) -> int | None:
        """How many examples are ours; None if nobody knows."""
        return len(self) if hasattr(self.rows, "__len__") else None

    def __iter__(self) -> Iterator[Numbered]:
        for index, example in enumerate(
            islice(
                examples_in_rows(self.rows, self.request.fields, f"The data set {self.request.name!r}"),
                self.request.limit,
            )
        ):
            if self.request.shard.has(index):
                yield Numbered(index=index, example=example)

    def fingerprint(self) -> str:
        """A hash of the texts; if the data set is streamed, of the request and its local files. 64 hexadecimal digits.

        Raises:
            UsageError: Two examples have the same id; those of a streamed data set are not read here.
        """
        if self.size is None:
            return _hash([streamed_identity(asdict(self.request))])
        return _hash([one.example.text, one.example.generated, one.example.id] for one in self.each_once())

    def annotations_fingerprint(self) -> dict[str, Any]:
        """The columns that are kept with the results, and a hash of what they hold; nothing if none is kept."""
        columns = self.request.fields.annotations
        if not columns:
            return {}
        values = None if self.size is None else _hash([dict(one.example.annotations)] for one in self)
        return {"columns": list(columns), "values": values}

    def each_once(self) -> Iterator[Numbered]:
        """The examples, for a run, which has one of each name.

        Raises:
            UsageError: Two examples have the same id, when the second is met.
        """
        seen: set[str] = set()
        for numbered in self:
            if numbered.key in seen:
                raise UsageError(
                    f"Two examples of {self.request.name!r} have the id {numbered.key!r}.\n"
                    "Choose another --id-field, or none."
                )
            seen.add(numbered.key)
            yield numbered


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1000)


def _hash(rows: Iterable[Any]) -> str:
    """A hash of plain values; what JSON has no word for (dates, images) counts as its own text."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False, default=repr).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
