"""Plain against compiled: the right networks are compiled, and the ratio says which is faster."""

import time

import pytest
import torch
from torch import nn

from benchmarks.compiled import compare_with_compiled, main


def test_every_network_of_one_of_the_two_is_compiled(monkeypatch):
    compiled = []

    def slower_forward(network):
        """In place of torch's compiler, which takes most of a minute: each call waits a moment."""
        compiled.append(type(network).__name__)
        forward = network.forward

        def wait_first(*arguments):
            time.sleep(0.1)
            return forward(*arguments)

        network.forward = wait_first

    monkeypatch.setattr(nn.Module, "compile", slower_forward)
    found = compare_with_compiled("cdcgan", "smoke", torch.device("cpu"), pairs=2, size=16)
    assert len(compiled) == len(set(compiled)) == 2
    assert found["ratio_least"] <= found["ratio"] <= found["ratio_most"] < 0.9


@pytest.mark.parametrize("arguments", [["--families", "nobody"], ["--profile", "nothing"]])
def test_unknown_names_are_refused_in_a_line(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
