"""Number formats."""

import pytest
import torch

from src.device import Precision, default_profile
from src.errors import InputError

CPU = torch.device("cpu")


def test_profile_by_hardware():
    assert default_profile(CPU) == "cpu"
    assert default_profile(torch.device("cuda")) == "rtx2070"


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp16"), ((8, 6), "bf16")])
def test_turing_gets_fp16_and_its_successors_bf16(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert Precision(torch.device("cuda"), "auto").name == expected


@pytest.mark.parametrize(("matrix_units", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_cpu_gets_bf16_for_matrix_units_alone(monkeypatch, matrix_units, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units, raising=False)
    # Present without AMX too, and slower there than fp32.
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert Precision(CPU, "auto").name == expected


def test_autocast_runs_convolutions_in_the_short_format_and_fp32_does_not():
    convolution, images = torch.nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 8, 8)
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        with Precision(CPU, name).autocast():
            assert convolution(images).dtype == dtype


def test_only_fp16_scales_gradients():
    assert not Precision(CPU, "bf16").scaler.is_enabled()
    assert Precision(CPU, "fp32").scaler.scale(torch.tensor(3.0)).item() == 3.0


def test_fp16_on_a_cpu_and_unknown_formats_are_refused():
    with pytest.raises(InputError, match="needs a CUDA device"):
        Precision(CPU, "fp16")
    with pytest.raises(InputError, match="auto, fp32, bf16, fp16"):
        Precision(CPU, "fp8")
