"""Which hardware computes, and in which number format.

The environment variable HERO_PORTRAITS_NATIVE_BF16 overrules what the hardware says of bf16: `1` takes it for native,
`0` for not, so that either choice of `precision: auto` can be had, and tested, on any machine.
"""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

import torch

from src.errors import InputError

NATIVE_BF16 = "HERO_PORTRAITS_NATIVE_BF16"


def pick_device() -> torch.device:
    """CUDA where present, else MPS (Apple), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def in_float64(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float64; on the CPU where its device has no such numbers (MPS)."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def default_profile(device: torch.device) -> str:
    """The profile for this hardware: `rtx2070` on a CUDA card, else `cpu`."""
    return "rtx2070" if device.type == "cuda" else "cpu"


def _native_bf16(device: torch.device) -> bool:
    """Whether bf16 is fast here, not merely possible. Turing cards emulate it. CPUs with matrix units (AMX) are fast;
    of those that have AVX512-BF16 alone, AMD's run it at twice the rate of fp32 (261 against 130 GFLOP/s a core for
    convolutions), and an Intel Xeon at half (94 against 178). Asked of the hardware rather than timed: a resumed run
    must not change its format because of a noisy clock. HERO_PORTRAITS_NATIVE_BF16=0 or 1 in the environment answers in
    its stead."""
    given = os.environ.get(NATIVE_BF16)
    if given:
        if given not in ("0", "1"):
            raise InputError(f"{NATIVE_BF16}={given!r} in the environment; set it to 0 or 1, or to nothing")
        return given == "1"
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "mps":
        return False  # possible from macOS 14 on, where no gain is known
    return _cpu_has("amx_tile") or (_cpu_has("avx512_bf16") and made_by_amd())


def _cpu_has(instructions: str) -> bool:
    """torch says so under a private name only; where it does not, fp32 is the safe answer."""
    probe = getattr(torch.cpu, f"_is_{instructions}_supported", None)
    return bool(probe and probe())


def made_by_amd(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether AMD made this CPU, by the maker that it names itself: in the given file of Linux, or to Windows."""
    named = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else platform.processor()
    return "AuthenticAMD" in named


@dataclass
class Precision:
    """Mixed precision for one device: an autocast context and, for fp16 alone, a gradient scaler.

    Args:
        device: where the networks live.
        name: `fp32`, `bf16`, `fp16`, or `auto`: bf16 where the hardware has it, else fp16 on CUDA, else fp32.

    Raises:
        InputError: fp16 without CUDA.
    """

    device: torch.device
    name: str = "auto"
    scaler: torch.amp.GradScaler = field(init=False)

    def __post_init__(self) -> None:
        if self.name == "auto":
            fallback = "fp16" if self.device.type == "cuda" else "fp32"
            self.name = "bf16" if _native_bf16(self.device) else fallback
        if self.name == "fp16" and self.device.type != "cuda":
            raise InputError("precision fp16 needs a CUDA device; use bf16 or fp32")
        # A disabled scaler passes everything through: the training step reads the same in every precision.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")

    def autocast(self) -> contextlib.AbstractContextManager:
        """Context in which convolutions and matrix products run in the short format."""
        if self.name == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.name == "bf16" else torch.float16
        return torch.autocast(self.device.type, dtype=dtype)

    def penalty_autocast(self) -> contextlib.AbstractContextManager:
        """Context for gradient penalties: the short format where it is bf16, whose range is fp32's; fp32 otherwise.

        Second derivatives underflow in fp16. On two CPU cores a penalty in bf16 took 0.4 of its time in fp32, and its
        value differed by 0.1 %.
        """
        return self.autocast() if self.name == "bf16" else contextlib.nullcontext()
