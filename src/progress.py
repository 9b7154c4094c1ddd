"""One way to show that long work moves, and when it will end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")

SECONDS_BETWEEN_UPDATES = 2.0
"""Few updates: a notebook saves every one of them in its output."""


def track(iterable: Iterable[Item], description: str, total: int | None = None, delay: float = 0.0) -> Iterator[Item]:
    """Yield the items of `iterable` while a text bar on stderr shows the share done and the time left.

    Args:
        iterable: what to go through.
        description: what the work is, a word or two.
        total: the number of items, where `len(iterable)` does not say.
        delay: seconds without a bar, for what is mostly quick.
    """
    from tqdm import tqdm  # late: commands that need no bar should not wait for its import

    often = {"mininterval": SECONDS_BETWEEN_UPDATES, "dynamic_ncols": True}
    with tqdm(iterable, desc=description, total=total, delay=delay, **often) as bar:
        _open.append(bar)
        try:
            yield from bar
        finally:
            _open.remove(bar)


_open: list[tqdm[Any]] = []


def end_bars() -> None:
    """End the line of every bar that an error has left open: what is printed next begins a line of its own."""
    for bar in _open:
        bar.close()
