"""The page and the JSON, from planted figures."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.machine import processor
from benchmarks.report import markdown, write_report


def planted(**machine):
    return {
        "command": "python -m benchmarks --runs 3",
        "runs": 3,
        "machine": {
            "date": "2026-01-02",
            "device": "cpu",
            "processor": "Some CPU",
            "cores": 2,
            "threads": 2,
            "cpu_capability": "AVX512",
            "load_before": 0.1,
            "system": "Linux",
            "python": "3.11.0",
            "torch": "2.15.0",
            **machine,
        },
        "steps": [
            {
                "family": "resnet_gan",
                "profile": "cpu",
                "precision": "bf16",
                "batch_size": 32,
                "steps_in_a_cycle": 16,
                "operations_an_image": 6.25e9,
                "images_per_second": 50.04,
                "images_per_second_least": 48.0,
                "images_per_second_most": 52.0,
                "flops": 312.75e9,
                "convolution_peak": 481e9,
                "share_of_peak": 0.65,
                "time_shares": {"networks": 0.9, "optimizer": 0.04, "rest": 0.06},
            }
        ],
        "plain": [
            {
                "profile": "cpu",
                "images_per_second": 50.0,
                "images_per_second_plain": 16.0,
                "ratio": 3.12,
                "ratio_least": 3.0,
                "ratio_most": 3.3,
            }
        ],
        "memory": [
            {
                "family": "resnet_gan",
                "profile": "rtx2070",
                "batch_size": 64,
                "bytes_saved": 3.2e9,
                "bytes_held": 4e8,
                "bytes": 3.6e9,
            }
        ],
        "start": {
            "family": "resnet_gan",
            "profile": "cpu",
            "help_seconds": 0.1,
            "first_portrait_seconds": 2.5,
            "many": 1000,
            "many_seconds": 8.0,
            "portraits_per_second": 182.0,
        },
    }


def test_the_page_holds_the_figures():
    page = markdown(planted())
    assert "| `resnet_gan` | cpu | bf16 | 50.0 | 48.0 to 52.0 | 6.25 | 313 | 65% | 10% |" in page
    assert "| cpu | 50.0 | 16.0 | 3.12 | 3.00 to 3.30 |" in page
    assert "| `resnet_gan` | 64 | 3.20 | 0.40 | 3.60 |" in page
    assert "| 1000 portraits with start, s | 8.0 |" in page
    assert "busy" not in page and "card" not in page.lower().replace("discard", "")


def test_a_busy_machine_is_marked():
    assert "The machine was busy" in markdown(planted(load_before=1.5))


def test_a_card_shows_its_memory():
    results = planted(card="Some Card", card_bytes=8e9, cuda="12.6")
    results["steps"][0] |= {"card_bytes_allocated": 4.2e9, "card_bytes_reserved": 5e9}
    page = markdown(results)
    assert "Card: Some Card, 8.0 GB" in page and "| 4.20, 5.00 |" in page


def test_every_table_has_as_many_cells_in_every_row():
    results = planted(card="Some Card", card_bytes=8e9, cuda="12.6")
    results["steps"][0] |= {"card_bytes_allocated": 4.2e9, "card_bytes_reserved": 5e9}
    for block in markdown(results).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_json_and_page_lie_beside_each_other(tmp_path):
    page = write_report(planted(), tmp_path / "results.json")
    assert page == tmp_path / "RESULTS.md" and page.read_text(encoding="utf-8").startswith("# Measured")
    assert json.loads((tmp_path / "results.json").read_text()) == planted()


def test_the_processors_name(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags : fpu\n")
    assert processor(cpuinfo) == "Some CPU @ 2 GHz"


@pytest.mark.parametrize(
    "arguments", [["--families", "dalle"], ["--profiles", "cray"], ["--runs", "0"]], ids=["family", "profile", "runs"]
)
def test_bad_arguments_are_one_line_and_status_2(arguments, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and not captured.out
