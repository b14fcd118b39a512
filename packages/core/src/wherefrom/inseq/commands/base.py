"""What a command is."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, ClassVar

from wherefrom.inseq.utils.argparse import InseqArgumentParser, made

DataClassType = type[Any]


class BaseCLICommand:
    """A name, help, records of options, and what is done with them."""

    _name: ClassVar[str] = ""
    _help: ClassVar[str] = ""
    _dataclasses: ClassVar[Any] = ()

    @classmethod
    def records(cls) -> tuple[Any, ...]:
        """The records of its options."""
        return cls._dataclasses if isinstance(cls._dataclasses, tuple) else (cls._dataclasses,)

    @classmethod
    def register_subcommand(cls, parser: Any) -> None:
        """Add the command to the parsers of a command line."""
        own: InseqArgumentParser = parser.add_parser(
            cls._name, help=cls._help, dataclass_types=cls.records(), allow_abbrev=False
        )
        own.set_defaults(factory_method=cls.build)

    @classmethod
    def build(cls, args: Namespace) -> Any:
        """Run the command with parsed options."""
        done = tuple(made(one, vars(args)) for one in cls.records())
        return cls.run(done[0] if len(done) == 1 else done)

    @staticmethod
    def run(args: Any) -> Any:
        """Do it."""
        raise NotImplementedError
