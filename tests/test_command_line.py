"""The command line: exit statuses, one line for the user, the way from paint to sample."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.__main__ import main
from src.gan.conditional_gan import ConditionalGAN

ROOT = Path(__file__).resolve().parents[1]


def test_the_whole_way_from_nothing_to_a_mage(tmp_path, capsys):
    painted, data, out, sampled = (str(tmp_path / name) for name in ("painted", "data", "out", "drawn"))
    assert main(["paint", "--out", painted, "-n", "36"]) == 0
    assert main(["prepare", "--images", painted, "--data", data, "--size", "16", "--reduce", "mode"]) == 0
    assert main(["build", "--data", data, "--labels", f"{painted}/labels.csv"]) == 0
    train = ["train", "--data", data, "--out", out]
    assert main([*train, "--kimg", "0.016", "--profile", "smoke", "--set", "base_channels=4"]) == 0
    assert main([*train, "--kimg", "0.032", "--resume"]) == 0
    repeated, config = str(tmp_path / "repeated"), f"{out}/config.json"
    assert main(["train", "--data", data, "--out", repeated, "--config", config, "--set", "kimg=0.016"]) == 0
    assert json.loads((tmp_path / "repeated" / "config.json").read_text())["config"]["base_channels"] == 4
    checkpoint = f"{out}/checkpoints/latest.pt"
    requested = ["--gender", "feminine", "--hero-class", "mage", "--palette", "warm"]
    assert main(["sample", "--checkpoint", checkpoint, "--out", sampled, "-n", "3", *requested]) == 0
    manifest = json.loads((tmp_path / "drawn" / "manifest.json").read_text())
    assert len(manifest) == 3
    assert all(
        entry["labels"] == {"gender": "feminine", "hero_class": "mage", "palette": "warm"}
        for entry in manifest.values()
    )
    assert (tmp_path / "drawn" / "grid.png").is_file()
    capsys.readouterr()
    assert main(["sample", "--checkpoint", checkpoint, "--out", sampled, "--hero-class", "plumber"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "barbarian, bard" in message
    assert (
        main(["sample", "--checkpoint", checkpoint, "--out", sampled, "--label", "hero_class=knight", "-n", "1"]) == 0
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["prepare", "--images", "{tmp}/nowhere", "--data", "{tmp}/data"],
        ["prepare", "--images", "{tmp}", "--data", "{tmp}/data", "--tiles", " "],
        ["build", "--data", "{tmp}/nowhere"],
        ["train", "--data", "{tmp}/nowhere", "--out", "{tmp}/out"],
        ["train", "--data", "{tmp}/nowhere", "--out", "{tmp}/out", "--set", "kimg"],
        ["train", "--data", "{tmp}/nowhere", "--out", "{tmp}/out", "--family", "dalle"],
        ["train", "--data", "{tmp}/nowhere", "--out", "{tmp}/out", "--config", "{tmp}/none.yaml"],
        ["sample", "--checkpoint", "{tmp}/none.pt", "--out", "{tmp}/out"],
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, capsys, arguments):
    assert main([argument.replace("{tmp}", str(tmp_path)) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--epochs", "0"], "--epochs 0 is not a length"), ([], "file/portraits.npz is missing; run `build`")],
)
def test_what_train_says_of_bad_input(tmp_path, capsys, more, message):
    (tmp_path / "file").write_text("")
    assert main(["train", "--data", str(tmp_path / "file"), "--out", str(tmp_path / "out"), *more]) == 2
    assert message in capsys.readouterr().err


def test_bad_arguments_are_status_2(tmp_path, capsys):
    for arguments in (
        ["train", "--data"],
        ["draw"],
        [],
        ["prepare", "--images", str(tmp_path), "--data", ""],
        ["train", "--data", str(tmp_path), "--out", str(tmp_path), "--family", ""],
        ["", "--out", str(tmp_path)],
        ["sample", "--out", str(tmp_path), "--checkpoint", "x", "-n", "few"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith("error: ") and message.count("\n") == 1


def test_a_path_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["paint", "--out", str(tmp_path / "file" / "below"), "-n", "1"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


def test_ctrl_c_saves_and_leaves_with_status_130(data_folder, tmp_path, monkeypatch, capsys):
    original = ConditionalGAN.train_step

    def interrupted(self, reals, labels, images_seen):
        if images_seen == 16:
            signal.raise_signal(signal.SIGINT)
        return original(self, reals, labels, images_seen)

    monkeypatch.setattr(ConditionalGAN, "train_step", interrupted)
    command = ["train", "--data", str(data_folder), "--out", str(tmp_path / "out"), "--profile", "smoke"]
    assert main([*command, "--kimg", "100000", "--set", "checkpoint_kimg=100000"]) == 130
    assert "interrupted at 0.03 kimg" in capsys.readouterr().out
    assert (tmp_path / "out" / "checkpoints" / "latest.pt").is_file()


def test_help_waits_for_no_heavy_library():
    """Neither torch nor matplotlib is imported to show the help."""
    code = "import sys; sys.argv = ['src', '--help']\n"
    code += "import runpy\ntry:\n    runpy.run_module('src', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "sys.exit(int(any(name in sys.modules for name in ('torch', 'matplotlib', 'numpy'))))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0
