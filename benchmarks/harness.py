"""Peers in processes of their own, asked in turn.

Every peer is a script in `peers/` that gets ready (imports, builds, compiles, warms up), says so,
and then answers each request with one measurement. Rounds go over all peers, so that whatever else
the machine does falls on all alike; figures are medians over the rounds, and ratios medians of the
rounds' ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peak

HERE = Path(__file__).parent
# Threads of a peer's OpenMP runtime spin on for up to 200 ms after its last region.
PAUSE = 0.25


@dataclass(frozen=True)
class Peer:
    """A script in `peers/`, the variant it is asked for, and how it is called in tables."""

    script: str
    variant: str
    title: str


PEERS = {
    "deepcore": Peer("deepcore_peer.py", "fit", "deepcore"),
    "torch": Peer("torch_peer.py", "eager", "PyTorch"),
    "torch_compile": Peer("torch_peer.py", "compile", "PyTorch, compiled"),
    "keras_tf": Peer("keras_peer.py", "tensorflow", "Keras on TensorFlow"),
    "keras_tf_jit": Peer("keras_peer.py", "tensorflow-jit", "Keras on TensorFlow, jit"),
    "keras_jax": Peer("keras_peer.py", "jax", "Keras on JAX"),
    "jax": Peer("jax_peer.py", "jit", "JAX, jitted step"),
    "onnx": Peer("onnx_peer.py", "cpu", "ONNX Runtime"),
    "sklearn": Peer("sklearn_peer.py", "mlp", "scikit-learn"),
    "deepcore_call": Peer("deepcore_peer.py", "call", "deepcore, `model(x)`"),
    "deepcore_frozen": Peer("deepcore_peer.py", "frozen", "deepcore, frozen"),
}


class LeftOut(Exception):
    """A peer that cannot take part, and why."""


@dataclass
class Worker:
    """A peer's process, and what it answered."""

    name: str
    process: subprocess.Popen[str]
    errors: Any
    answers: list[dict[str, Any]] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)

    def read(self) -> dict[str, Any]:
        """Its next line.

        Raises:
            LeftOut: it ended, or says why it cannot take part.
        """
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
            raise LeftOut(lines[-1] if lines else "it ended")
        answer: dict[str, Any] = json.loads(line)
        if "left_out" in answer:
            raise LeftOut(answer["left_out"])
        return answer

    def ask(self, request: str = "go") -> dict[str, Any]:
        """One measurement."""
        assert self.process.stdin
        try:
            print(request, file=self.process.stdin, flush=True)
            return self.read()
        except (BrokenPipeError, LeftOut) as reason:
            raise SystemExit(f"{self.name} ended in the middle of a round ({reason})") from None

    def median(self, key: str) -> float:
        """Over the rounds."""
        return statistics.median(answer[key] for answer in self.answers)

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.errors.close()


def spawn(name: str, pythons: dict[str, str], *arguments: object, threads: int = 0) -> Worker:
    """Starts a peer's process."""
    peer = PEERS[name]
    default = pythons.get("peers", sys.executable)
    if name.startswith("deepcore"):
        default = pythons.get("deepcore", sys.executable)
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the worker)
    environment = dict(os.environ, BENCHMARK_THREADS=str(threads or peak.cpus()))
    # Freed memory is used again, by all alike: fresh pages for each large result would cost more
    # than the kernels that fill them. (Programs that train reach this state by themselves.)
    if arguments and arguments[0] == "kernels":
        environment |= {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "-1"}
    if threads == 1:  # some read these alone, and before anything else
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [pythons.get(name, default), f"peers/{peer.script}", peer.variant, *map(str, arguments)],
        cwd=HERE,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    return Worker(name, process, errors)


@contextmanager
def workers(
    names: Iterable[str], pythons: dict[str, str], *arguments: object, threads: int = 0
) -> Iterator[list[Worker]]:
    """Those peers that are installed and can do it, ready and warm."""
    started: list[Worker] = []
    try:
        for name in names:  # one after the other: two that compile at once only wait longer
            try:
                worker = spawn(name, pythons, *arguments, threads=threads)
            except OSError as error:
                print(f"{name}: left out ({error})", file=sys.stderr)
                continue
            started.append(worker)
            try:
                worker.info = worker.read()
            except LeftOut as reason:
                print(f"{name}: left out ({reason})", file=sys.stderr)
                started.remove(worker)
                worker.stop()
        yield started
    finally:
        for worker in started:
            worker.stop()


def interleave(
    running: list[Worker],
    rounds: int,
    between: Callable[[], None] | None = None,
    request: str = "go",
) -> None:
    """Asks every worker once a round; the first round warms up and is not kept."""
    for worker in running:
        worker.answers.clear()
    for turn in range(rounds + 1):
        if turn and between:
            between()
        for worker in running:
            time.sleep(PAUSE)
            answer = worker.ask(request)
            if turn:
                worker.answers.append(answer)


def ratios(ours: Worker, rivals: list[Worker], key: str, best: Callable[..., float]) -> float:
    """The median over the rounds of our figure over that of the round's best rival."""
    parts = [
        mine[key] / best(rival.answers[turn][key] for rival in rivals)
        for turn, mine in enumerate(ours.answers)
    ]
    return statistics.median(parts)


def parser(description: str | None, peers: Iterable[str], rounds: int) -> argparse.ArgumentParser:
    """The options that all commands share."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--peers", nargs="+", default=list(peers), choices=list(PEERS))
    result.add_argument("--rounds", type=int, default=rounds)
    result.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="PEER=INTERPRETER",
        help="whose Python runs a peer; `peers=...` stands for all but deepcore",
    )
    result.add_argument("--markdown", type=Path, help="also write the table to this file")
    return result


def pythons(args: argparse.Namespace) -> dict[str, str]:
    """Interpreters by peer."""
    return dict(entry.split("=", 1) for entry in args.python)


def title(name: str) -> str:
    """A peer's name in tables."""
    return PEERS[name].title


def table(header: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[int] = ()) -> str:
    """A Markdown table; the columns `right` are aligned to the right."""
    header = list(header)
    marks = ["---:" if i in set(right) else "---" for i in range(len(header))]
    lines = [header, marks, *map(list, rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def show(text: str, path: Path | None) -> None:
    """Prints, and writes to a file when one was asked for."""
    print(text, flush=True)
    if path:
        path.write_text(text + "\n", encoding="utf-8")
