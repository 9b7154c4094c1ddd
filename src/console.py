"""What the command line writes: on any terminal, to a reader that may leave, an error as one line."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from src.errors import InputError, TrainingDiverged
from src.progress import end_bars

# Requirements whose modules have another name.
REQUIREMENTS = {"torch": "PyTorch", "PIL": "Pillow", "sklearn": "scikit-learn", "yaml": "PyYAML"}

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|cannot allocate memory", re.IGNORECASE)


def one_line(text: object) -> str:
    """A message as one line: line breaks and other control characters of names become escapes such as `\\n`."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], str(text))


class _TolerantStream:
    """A stream that turns silent, for good, when nobody reads it any more or its disk is full.

    The tables of `build` must not end half-way because of `| head`. `error` is what silenced it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._turn_silent(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._turn_silent(error)

    def _turn_silent(self, error: OSError) -> None:
        self.error = error
        # What is still buffered is written at exit, and must find a place too.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


@contextmanager
def any_terminal() -> Iterator[None]:
    """Inside, every text can be printed: a character that the terminal lacks is escaped, a closed stream takes all."""
    before = sys.stdout, sys.stderr
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The next file opened would get this number, and everything that is printed.
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name) or open(number, "w", closefd=False)  # noqa: SIM115
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _TolerantStream(stream))
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def print_line(line: str) -> None:
    """Print a line at once.

    Raises:
        OSError: nobody reads it, or its disk is full; also for every later line.
    """
    print(line, flush=True)
    if error := getattr(sys.stdout, "error", None):
        raise error


def report_error(error: BaseException, command: str, debug: bool = False) -> int:
    """Print what went wrong as one line on stderr.

    Args:
        error: any exception.
        command: the command that it ended, as a person types it.
        debug: print the whole traceback before it.

    Returns:
        The exit status: 2 what the user can mend, 130 Ctrl-C, 1 diverged training or a fault of this program.
    """
    end_bars()
    if debug:
        traceback.print_exception(error)
    status, message = _status_and_message(error, command)
    print(one_line(message), file=sys.stderr)
    return status


def _status_and_message(error: BaseException, command: str) -> tuple[int, str]:
    name, text = type(error).__name__, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted"
    if isinstance(error, (InputError, TrainingDiverged)):
        return (2 if isinstance(error, InputError) else 1), f"error: {text}"
    if isinstance(error, ModuleNotFoundError):
        module = (error.name or "").partition(".")[0]
        if module not in ("", "src"):
            advice = f"run `python run.py {command} ...`, which uses the project's own environment"
            return 2, f"error: {REQUIREMENTS.get(module, module)} is not installed here; {advice}"
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return 2, f"error: {error.strerror or error}{where}; check the path, its rights and the disk"
    if isinstance(error, UnicodeEncodeError):
        return 2, f"error: {error.object!a} has characters that cannot be written here ({error.encoding}); rename it"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(text)):
        return 2, "error: the memory does not suffice; ask for less or smaller (size, count, batch), or free memory"
    # The first line: some libraries write pages.
    what = f"{name}: {text.strip().splitlines()[0]}" if text.strip() else name
    return 1, f"error: {what}; a fault of this program: run it again with --debug, and report what that shows"
