"""The benchmark commands, with tiny settings and deepcore alone, so that they don't rot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.slow


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        env=dict(os.environ, BENCHMARK_SECONDS="0.01"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out" not in done.stdout + done.stderr
    return done.stdout


def cells(told, first):
    """The rows that begin so, without marks of emphasis."""
    lines = [line.replace("*", "") for line in told.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in rows if row[0].startswith(first)]


def number(cell):
    return float(re.match(r"[\d,.]+", cell)[0].replace(",", ""))


def test_compare(tmp_path):
    pytest.importorskip("matplotlib")
    table, plot = tmp_path / "table.md", tmp_path / "plot.png"
    workloads = ["mlp_mnist_b32", "cnn_mnist_b32", "lstm_text_b32", "resnet20_cifar_b64"]
    options = ["--peers", "deepcore", "--rounds", 1, "--samples", 128]
    told = run(
        "compare.py", *options, "--workloads", *workloads, "--markdown", table, "--plot", plot
    )
    rows = cells(table.read_text(encoding="utf-8"), "`")
    assert [row[0] for row in rows] == [
        "`mlp_mnist` b32",
        "`cnn_mnist` b32",
        "`lstm_text` b32",
        "`resnet20_cifar` b64",
    ]
    assert all(row[1] == "deepcore" and number(row[2]) > 0 for row in rows)
    assert cells(told, "`") == rows
    assert plot.read_bytes().startswith(b"\x89PNG\r\n")


def test_flops_are_counted_as_the_table_says(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS / "peers")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import deepcore_peer
    from workloads import TRAININGS

    for workload in TRAININGS.values():
        assert deepcore_peer.flops(workload.network) == pytest.approx(workload.flops, rel=0.01)


def test_a_peer_that_is_not_there_is_left_out():
    told = subprocess.run(
        [sys.executable, BENCHMARKS / "memory.py", "--peers", "torch", "--python", "torch=nowhere"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert told.returncode == 0, told.stderr
    assert "torch: left out" in told.stderr


def test_inference(tmp_path):
    peers = ["deepcore", "deepcore_call", "deepcore_frozen"]
    options = ["--peers", *peers, "--rounds", 1, "--workloads", "mlp_mnist_b1", "lstm_text_b1"]
    rows = cells(run("inference.py", *options, "--markdown", tmp_path / "t.md"), "`")
    assert len(rows) == 6
    assert all(number(row[2]) > 0 for row in rows)
    assert cells((tmp_path / "t.md").read_text(encoding="utf-8"), "`") == rows


def test_kernels():
    options = ["--peers", "deepcore", "--rounds", 1, "--threads", 1]
    told = run("kernels.py", *options, "--only", "sgemm 64", "7x7x512", "gru")
    kinds = ["sgemm 64", *(f"conv3x3 7x7x512->512 {way}" for way in ("forward", "input", "filter"))]
    kinds.append("gru 32x80x128->128")
    table = told[told.index("| kernel") :]
    assert [row[0] for row in cells(table, ("sgemm", "conv", "gru"))] == kinds


def test_memory():
    options = ["--peers", "deepcore", "--rounds", 1, "--samples", 64]
    (row,) = cells(run("memory.py", *options, "--workloads", "mlp_mnist_b32"), "`")
    assert 10 < number(row[2]) < 500


def test_start():
    options = ["--peers", "deepcore", "--rounds", 1, "--workloads", "script", "cnn_mnist_b32"]
    rows = cells(run("start.py", *options), ("whole", "first"))
    assert [row[0] for row in rows] == ["whole script", "first batch of `cnn_mnist` b32"]
    assert all(number(row[3]) > 10 for row in rows)


def test_growth(tmp_path):
    pytest.importorskip("matplotlib")
    options = ["--peers", "deepcore", "--rounds", 1, "--points", 2, "--out", tmp_path]
    told = run("growth.py", *options)
    assert sorted(os.listdir(tmp_path)) == ["growth.md", "growth.png"]
    assert told.count(": deepcore ") == 12
    assert (tmp_path / "growth.md").read_text(encoding="utf-8").count("| deepcore |") == 6
