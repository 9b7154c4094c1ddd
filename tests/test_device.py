"""Number formats."""

import platform
import sys

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from src import device as device_module
from src.__main__ import main
from src.config import load_config
from src.device import NATIVE_BF16, Precision, default_profile, in_float64, made_by_amd, pick_device
from src.errors import InputError
from src.families import find_family
from src.family import DataSpecification
from src.labels import LabelSpecification
from tests.conftest import SPECIFICATION

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def not_stated(monkeypatch):
    monkeypatch.delenv(NATIVE_BF16, raising=False)


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_device_is_the_best_there_is(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device().type == chosen


def test_apple_machines_compute_in_fp32_and_bf16_on_request(monkeypatch):
    # A processor with matrix units says nothing of the graphics card beside it.
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    mps = torch.device("mps")
    assert Precision(mps, "auto").name == "fp32" and not Precision(mps, "auto").scaler.is_enabled()
    assert Precision(mps, "bf16").name == "bf16"
    with pytest.raises(InputError, match="needs a CUDA device"):
        Precision(mps, "fp16")


class OnMPS:
    """A tensor as `in_float64` sees one on an Apple machine."""

    device = torch.device("mps")

    def cpu(self):
        return torch.ones(2)


def test_float64_is_computed_on_the_processor_where_the_device_has_none():
    assert in_float64(OnMPS()).dtype == torch.float64
    assert in_float64(torch.ones(2)).dtype == torch.float64


@pytest.mark.parametrize("name", ["palette_pyramid", "vqvae", "autoencoder"])
def test_samples_need_float64_on_no_device_but_the_processor(name, monkeypatch):
    """As on an Apple machine, with tensors that have a device and no content, where tensors of two devices do not mix.
    CUDA stands for MPS, which has no float64."""
    for module in [module for key, module in sys.modules.items() if key.startswith("src.")]:
        if hasattr(module, "in_float64"):
            monkeypatch.setattr(module, "in_float64", lambda tensor: tensor.cpu().double())
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_, **__: self)  # they are built there
    labels = SPECIFICATION if find_family(name).conditional else LabelSpecification({})
    config = load_config(name, "smoke", overrides={"precision": "fp32"})
    card = torch.device("cuda")
    with FakeTensorMode(allow_non_fake_inputs=True):
        with card:
            family = find_family(name)(config, DataSpecification(16, 4, labels, 0.3), card)
            rows = torch.zeros(4, len(labels.names), dtype=torch.int64)
            latents = torch.randn(4, family.latent_dim)
        sampler = family.sampler.eval()
        if name == "palette_pyramid":  # what it looks up by a mask has no shape here: the finer maps are left out
            made = family.write(sampler, latents, rows, levels=1)
            again = family.write(sampler, latents, rows, (made.colours, made.used), before=made, levels=1).maps[0]
            devices = {each.device.type for each in (made.colours, made.used, *made.maps[0], *again)}
        else:
            devices = {family.sample(sampler, latents, rows).device.type}
    assert devices == {"cuda"}


def test_profile_by_hardware():
    assert default_profile(CPU) == default_profile(torch.device("mps")) == "cpu"
    assert default_profile(torch.device("cuda")) == "rtx2070"


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp16"), ((8, 6), "bf16")])
def test_turing_gets_fp16_and_its_successors_bf16(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert Precision(torch.device("cuda"), "auto").name == expected


@pytest.mark.parametrize(
    ("matrix_units", "avx512_bf16", "amd", "expected"),
    [
        (True, True, False, "bf16"),
        (True, False, False, "bf16"),
        (False, True, True, "bf16"),
        (False, True, False, "fp32"),  # there, and slower than fp32
        (False, False, True, "fp32"),
    ],
)
def test_a_cpu_gets_bf16_where_it_is_fast(monkeypatch, matrix_units, avx512_bf16, amd, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)
    monkeypatch.setattr(device_module, "made_by_amd", lambda: amd)
    assert Precision(CPU, "auto").name == expected


def test_a_torch_that_does_not_tell_of_instructions_computes_in_fp32(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    monkeypatch.setattr(device_module, "made_by_amd", lambda: True)
    assert Precision(CPU, "auto").name == "fp32"


@pytest.mark.parametrize(("maker", "amd"), [("AuthenticAMD", True), ("GenuineIntel", False)])
def test_the_cpu_names_its_maker_on_linux_and_windows(monkeypatch, tmp_path, maker, amd):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"processor\t: 0\nvendor_id\t: {maker}\nmodel name\t: of some kind\n")
    monkeypatch.setattr(platform, "processor", lambda: f"AMD64 Family 25 Model 97 Stepping 2, {maker}")
    assert made_by_amd(listed) is amd
    assert made_by_amd(tmp_path / "none") is amd


@pytest.mark.parametrize(("told", "cpu", "cuda"), [("1", "bf16", "bf16"), ("0", "fp32", "fp16")])
@pytest.mark.parametrize("native", [True, False])
def test_the_environment_overrules_the_hardware(monkeypatch, told, cpu, cuda, native):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: native, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0) if native else (7, 5))
    monkeypatch.setenv(NATIVE_BF16, told)
    assert Precision(CPU, "auto").name == cpu and Precision(torch.device("cuda"), "auto").name == cuda
    assert Precision(CPU, "fp32").name == "fp32"


def test_a_bad_word_for_the_hardware_is_one_line_of_the_command_line(monkeypatch, data_folder, tmp_path, capsys):
    monkeypatch.setenv(NATIVE_BF16, "yes")
    assert main(["train", "--data", str(data_folder), "--out", str(tmp_path), "--profile", "smoke"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    assert f"{NATIVE_BF16}='yes' in the environment; set it to 0 or 1" in message


def test_autocast_runs_convolutions_in_the_short_format_and_fp32_does_not():
    convolution, images = torch.nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 8, 8)
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        with Precision(CPU, name).autocast():
            assert convolution(images).dtype == dtype


def test_only_fp16_scales_gradients():
    assert not Precision(CPU, "bf16").scaler.is_enabled()
    assert Precision(CPU, "fp32").scaler.scale(torch.tensor(3.0)).item() == 3.0


def test_fp16_on_a_cpu_is_refused():
    with pytest.raises(InputError, match="needs a CUDA device"):
        Precision(CPU, "fp16")
