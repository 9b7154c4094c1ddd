"""What the figures were measured on, without names of persons or hosts."""

from __future__ import annotations

import os
import platform
from datetime import date
from pathlib import Path

import torch


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's model name; what Python knows of it where the system has no such file."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def load() -> float | None:
    """Processes that ran or waited to run in the last minute, on average; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def describe_machine(device: torch.device) -> dict[str, object]:
    """Hardware, versions, threads, and how busy the machine was before the first measurement."""
    description = {
        "date": date.today().isoformat(),
        "device": device.type,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "load_before": load(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        description |= {"card": card.name, "card_bytes": card.total_memory, "cuda": torch.version.cuda}
    return description
