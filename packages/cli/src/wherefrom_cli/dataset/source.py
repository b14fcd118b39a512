"""Where a data set comes from: local files, read as every command reads them, or through the library ``datasets``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen
from wherefrom.errors import ModelLoadError, UsageError
from wherefrom.results.secrets import without_secrets

from wherefrom_cli.dataset.identity import streamed_identity
from wherefrom_cli.rows import Row, columns_in_file, is_headed, rows_in_file
from wherefrom_cli.texts import Example, Fields, each_once, examples_in_rows

_BUILDERS = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
}
"""What `datasets` calls the kinds of files that we read ourselves."""
_DELIMITER = ("sep", "delimiter")
"""What it calls the mark between the cells of a table."""
_OPTIONS = {
    "config": "--config",
    "folder": "--dir",
    "files": "--files",
    "revision": "--revision",
    "kwargs": "--dataset-kwargs (or --streaming)",
}
"""Fields of a request, as the command calls them."""


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

    def told(self) -> dict[str, Any]:
        """Its fields as plain values, for a run's manifest; secrets are left out."""
        return {**without_secrets(asdict(self)), "kwargs": without_secrets(self.kwargs)}

    def load(self) -> Dataset:
        """The data set, opened.

        Raises:
            ModelLoadError: It is not there or cannot be read.
            FileFormatError: A local file is damaged.
            UsageError: It has several splits and none was chosen, it is empty, or something is asked for that nothing
                comes of.
        """
        self._refuse_idle()
        files = self._local_files()
        return self._read(files) if files else self._loaded()

    def idle(self) -> set[str]:
        """Fields that nothing comes of, whatever they say: others name the rows already."""
        path = Path(self.name)
        if self._is_saved:
            return {"config", "folder", "files", "revision", "kwargs"}
        if path.is_file():
            return {"config", "folder", "files", "revision"}
        if self.name in _BUILDERS.values():
            return {"config", "revision"}
        return {"revision"} if path.is_dir() else set()

    @property
    def _is_saved(self) -> bool:
        """Is it a folder that `Dataset.save_to_disk` wrote?"""
        return (Path(self.name) / "state.json").is_file()

    def _refuse_idle(self) -> None:
        """Raise: UsageError: A field is set that nothing comes of, or two say the same thing."""
        idle = self.idle()
        if named := [option for name, option in _OPTIONS.items() if name in idle and getattr(self, name)]:
            raise UsageError(
                f"{', '.join(named)} would change nothing beside -d {self.name}.\n"
                "Leave it out, or give -d another name."
            )
        doubly = (("name", "config"), ("data_dir", "folder"), ("data_files", "files"), ("revision", "revision"))
        for argument, name in doubly:
            if argument in self.kwargs and (name in idle or getattr(self, name)):
                what = f"{_OPTIONS[name]} says it" if getattr(self, name) else f"{self.name!r} says what is read"
                raise UsageError(f"--dataset-kwargs has {argument!r}, and {what} already.\nLeave it out.")
        if "split" in self.kwargs and self.split != "train":
            raise UsageError("--dataset-kwargs has 'split', and --split says it already.\nLeave it out.")
        marks = [name for name in _DELIMITER if name in self.kwargs]
        if len(marks) > 1:
            raise UsageError("--dataset-kwargs has 'sep' and 'delimiter', which are the same.\nChoose one.")
        if marks and (files := self._local_files()) and not any(map(is_headed, files)):
            raise UsageError(
                f"--dataset-kwargs has {marks[0]!r}, and only .csv and .tsv files have something between cells.\n"
                "Leave it out."
            )

    def _local_files(self) -> list[Path]:
        """The files, where all are here and nothing is asked that only `datasets` knows of; else none."""
        plain = set(self.kwargs) <= {"streaming", *_DELIMITER} and len(self._delimiter or ",") == 1
        if not plain or self.folder is not None:
            return []
        if Path(self.name).is_file():
            return [Path(self.name)]
        files = [Path(name) for name in self.files]
        ours = all(file.is_file() and _BUILDERS.get(file.suffix.lower()) == self.name for file in files)
        return files if ours else []

    @property
    def _delimiter(self) -> str | None:
        """What stands between the cells of a table, where it is said."""
        return next((str(self.kwargs[name]) for name in _DELIMITER if self.kwargs.get(name)), None)

    def _read(self, files: Sequence[Path]) -> Dataset:
        """The rows of local files: the part of them that `split` names."""
        mark = self._delimiter

        def read() -> Iterator[Row]:
            return chain.from_iterable(rows_in_file(file, delimiter=mark) for file in files)

        columns = list(dict.fromkeys(name for file in files for name in columns_in_file(file, delimiter=mark)))
        headed = any(map(is_headed, files))
        if not columns:
            raise UsageError(f"There is no text in {self.name}: the file is empty, or has a header alone.")
        if self.kwargs.get("streaming"):
            if self.split != "train":
                raise UsageError(
                    f"A file that is streamed has no parts, so there is no {self.split!r}.\n"
                    "Leave --streaming out, or choose a part by --limit and --shard."
                )
            return Dataset(request=self, read=read, columns=columns, headed=headed)
        count = sum(1 for _ in read())
        if self.split in ("train", "all"):
            return Dataset(request=self, read=read, columns=columns, count=count, headed=headed)
        parts = self._parts(count)
        return Dataset(
            request=self,
            read=lambda: chain.from_iterable(islice(read(), *part) for part in parts),
            columns=columns,
            count=self._some(sum(max(stop - start, 0) for start, stop in parts)),
            headed=headed,
        )

    def _parts(self, count: int) -> list[tuple[int, int]]:
        """First row and the row after the last of each part that `split` names, of ``count`` rows."""
        import datasets

        try:
            parts = datasets.ReadInstruction.from_spec(self.split).to_absolute({"train": count})
        except Exception as error:  # it raises assertions and whatever its parser raises
            raise self._not_loaded(error) from error
        return [(part.from_, part.to) for part in parts]

    def _loaded(self) -> Dataset:
        """What `datasets` makes of it."""
        import datasets

        datasets.disable_progress_bars()
        arguments = self._arguments()
        try:
            if self._is_saved:
                self._refuse_splits()
                rows = datasets.load_from_disk(self.name)
            else:
                rows = datasets.load_dataset(**arguments)
            columns = [] if isinstance(rows, Mapping) else rows.column_names or list(next(iter(rows), {}))
        except UsageError:
            raise
        except Exception as error:  # the library raises whatever its builders raise
            raise self._not_loaded(error) from error
        if isinstance(rows, Mapping):
            raise UsageError(f"{self.name!r} has the splits {', '.join(map(str, rows))}.\nChoose one with --split.")
        if arguments["path"] == "text":  # a text per line, and none on a blank line, as everywhere
            if isinstance(rows, datasets.Dataset):
                rows = rows.select([place for place, text in enumerate(rows["text"]) if text.strip()])
            else:
                rows = rows.filter(lambda row: bool(row["text"].strip()))
        return Dataset(
            request=self,
            read=lambda: self._rows_of(rows),
            columns=columns,
            count=self._some(len(rows)) if hasattr(rows, "__len__") else None,
            headed=arguments["path"] == "csv",
        )

    def _some(self, count: int) -> int:
        """Raise: UsageError: There is no row."""
        if not count:
            raise UsageError(f"There is no row in the split {self.split!r} of {self.name!r}.\nChoose another --split.")
        return count

    def _rows_of(self, rows: Iterable[Any]) -> Iterator[Row]:
        for number, row in enumerate(rows, start=1):
            yield Row(content=row, where=f"The data set {self.name!r}, row {number}")

    def _not_loaded(self, error: Exception) -> ModelLoadError:
        """What went wrong; of an error that only says so, what it comes from."""
        found: BaseException = error
        while type(found).__name__ == "DatasetGenerationError" and found.__cause__ is not None:
            found = found.__cause__
        first = next((line for line in str(found).splitlines() if line.strip()), type(found).__name__)
        return ModelLoadError(
            f"The data set {self.name!r} could not be loaded.\n{type(found).__name__}: {first}\n"
            "Check name, --dataset-config, --split and --dataset-files; local files are given by path."
        )

    def _refuse_splits(self) -> None:
        """Raise: UsageError: A part is asked for by split, and the folder has one data set without splits."""
        if self.split != "train":
            raise UsageError(
                f"{self.name!r} holds one data set without splits, so there is no {self.split!r}.\n"
                "Leave --split out; --limit and --shard choose a part."
            )

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"path": self.name, "split": self.split, **self.kwargs}
        for name, value in (("name", self.config), ("data_dir", self.folder), ("revision", self.revision)):
            if value is not None:
                arguments[name] = value
        if self.files:
            arguments["data_files"] = list(self.files)
        path = Path(self.name)
        if path.is_file():
            ending = path.suffix.lower()
            if ending not in _BUILDERS:
                raise UsageError(
                    f"{self.name!r} is not a kind of data file we know.\nKnown endings: {', '.join(_BUILDERS)}."
                )
            arguments |= {"path": _BUILDERS[ending], "data_files": str(path)}
            if ending == ".tsv":
                arguments.setdefault("sep", "\t")
        if arguments["path"] == "csv":
            arguments.setdefault("keep_default_na", False)  # "NA" and "None" are texts
        return arguments


@frozen(kw_only=True, eq=False)
class Dataset:
    """A data set that was opened; rows are read as they are asked for."""

    request: DatasetRequest
    read: Callable[[], Iterator[Row]]
    """Its rows, from the first, at each call."""
    columns: Sequence[str]
    """That any row has."""
    count: int | None = None
    """How many rows there are; None: it is streamed, and nobody knows."""
    headed: bool = False
    """Are the columns' names the first line of a table?"""

    def __len__(self) -> int:
        """How many examples are ours.

        Raises:
            TypeError: It is streamed; nobody knows.
        """
        if self.count is None:
            raise TypeError("A streamed data set has no length.")
        rows = min(self.count, self.request.limit or self.count)
        shard = self.request.shard
        return len(range(shard.number - 1, rows, shard.of))

    @property
    def size(self) -> int | None:
        """How many examples are ours; None if nobody knows."""
        return None if self.count is None else len(self)

    def __iter__(self) -> Iterator[Numbered]:
        examples = examples_in_rows(
            self.read(),
            self.columns,
            self.request.fields,
            f"The data set {self.request.name!r}",
            headed=self.headed,
        )
        for index, example in enumerate(islice(examples, self.request.limit)):
            if self.request.shard.has(index):
                yield Numbered(index=index, example=example)

    def fingerprint(self) -> str:
        """A hash of the texts; if the data set is streamed, of the request and its local files. 64 hexadecimal digits.

        Raises:
            UsageError: Two examples have the same id; those of a streamed data set are not read here.
        """
        if self.size is None:
            return _hash([streamed_identity(self.request.told())])
        examples = (one.example for one in self.each_once())
        compares = self.request.fields.contrast is not None
        return _hash([one.text, one.generated, one.id, *([one.contrast] if compares else [])] for one in examples)

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
        return each_once(self, lambda numbered: numbered.key, self.request.name)


def _hash(rows: Iterable[Any]) -> str:
    """A hash of plain values; what JSON has no word for (dates, images) counts as its own text."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False, default=repr).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
