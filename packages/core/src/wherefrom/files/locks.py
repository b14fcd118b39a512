"""One writer at a time: a lock file in the folder of a run, or beside a file, held by the process that writes there."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from wherefrom.errors import InputError

LOCK = ".lock"


class RunLock:
    """Held from the call of `acquire` until `release`, or until the process ends, however it ends.

    The system's own lock on the file says whether the holder lives; what the file says (host, process, start of the
    machine) tells people who it is, and recognises what is left of a process that was killed. A file that another
    machine left is not taken over, because locks of some network folders do not reach other machines.

    Args:
        place: The folder that is written to, which must exist; or a file, which need not: the lock is then beside it.
    """

    def __init__(self, place: str | Path) -> None:
        self.place = Path(place)
        of_folder = self.place.is_dir()
        self.path = self.place / LOCK if of_folder else self.place.with_name(self.place.name + LOCK)
        self._kind = "folder" if of_folder else "file"
        self._file: int | None = None

    def acquire(self) -> RunLock:
        """Take the lock.

        Raises:
            InputError: Another process holds it; the message says which.
        """
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
            try:
                if not _locked(file):
                    raise InputError(self._taken(_holder(file)))
                if not self._is_current(file):
                    os.close(file)
                    continue  # the holder removed it when it was done
                holder = _holder(file)
                if holder and holder.get("host") != socket.gethostname() and holder.get("boot") != _boot():
                    raise InputError(self._taken(holder))
            except BaseException:
                with suppress(OSError):
                    os.close(file)
                raise
            self._file = file
            try:
                os.ftruncate(file, 0)
                said = {"host": socket.gethostname(), "pid": os.getpid(), "boot": _boot()}
                os.pwrite(file, json.dumps(said).encode(), 0)
            except BaseException:  # a full disk
                self.release()
                raise
            return self

    def release(self) -> None:
        """Let go, and leave nothing behind."""
        if self._file is not None:
            with suppress(FileNotFoundError):
                if self._is_current(self._file):
                    self.path.unlink()
            os.close(self._file)
            self._file = None

    def __enter__(self) -> RunLock:
        return self if self._file is not None else self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _is_current(self, file: int) -> bool:
        """Is the file that was opened still the one of that name?"""
        try:
            there = self.path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(file))

    def _taken(self, holder: dict[str, object]) -> str:
        who = f"Process {holder.get('pid')} on {holder.get('host')}" if holder else "Another process"
        return (
            f"{who} is writing to {self.place}. Wait until it has ended, or choose another {self._kind}. "
            f"If it has ended for certain, remove {self.path}."
        )


def _holder(file: int) -> dict[str, object]:
    """What the file says of its holder; nothing if it says nothing that can be read."""
    try:
        said = json.loads(os.pread(file, 4096, 0))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _boot() -> str:
    """The running system's own mark, equal in all its containers; the host where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


if sys.platform == "win32":
    import msvcrt

    def _locked(file: int) -> bool:
        """Lock the file if nobody has."""
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(file: int) -> bool:
        """Lock the file if nobody has."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
