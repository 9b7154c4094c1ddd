"""How much memory there is, and work that would need more refused before it takes any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import InputError

if TYPE_CHECKING:
    from torch.nn import Parameter

CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Bytes that this process can still take: of the machine, its container and its own limit, the least; None where
    the system does not say (Windows)."""
    limits = []
    with suppress(AttributeError, OSError, ValueError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, KeyError, ValueError):
        limits.append(_fields(Path("/proc/meminfo"))["MemAvailable"])
    with suppress(OSError, KeyError, ValueError):
        most, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))  # "max": no limit
        kept = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        limits.append(most - used + int(kept["inactive_file"]))  # files that are read again where memory is short
    with suppress(ImportError, OSError, KeyError, ValueError):
        import resource  # not on Windows

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            limits.append(most - _fields(Path("/proc/self/status"))["VmSize"])
    return max(0, min(limits)) if limits else None


def _fields(path: Path) -> dict[str, int]:
    """`Name:  123 kB` -> bytes by name."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[2:] == ["kB"]}


def check_memory(needed: float, what: str, advice: str) -> None:
    """Refuse what cannot be done here.

    Args:
        needed: bytes, at least.
        what: that needs them, for the message.
        advice: what to do instead.

    Raises:
        InputError: it is more than there is.
    """
    available = available_memory()
    if available is not None and needed > available:
        raise InputError(f"{what} need {_size(needed)} of memory, and {_size(available)} are free; {advice}")


def _size(number: float) -> str:
    return f"{min(number, 2**80) / 2**30:,.1f} GB"


@contextmanager
def checked_networks(copies: int) -> Iterator[None]:
    """Context in which networks are built: refused as soon as their parameters, so many times over, do not fit.

    Raises:
        InputError: they do not.
    """
    from torch.nn.modules.module import register_module_parameter_registration_hook

    taken = 0

    def count(_module: object, _name: str, parameter: Parameter | None) -> None:
        nonlocal taken
        if parameter is not None:
            size = parameter.numel() * parameter.element_size()
            taken += size
            # This one is not filled yet; those before it are in use already.
            needed = (copies - 1) * taken + size
            check_memory(needed, f"networks of more than {_size(taken)}", "make them smaller")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
