"""Two processes that train over a shaped link, recorded by `crosshaul.Recorder`; and ping and iperf3 of that link.

    python experiments/calibration/record.py

Each process stands in a network namespace of its own, whose egress `tc tbf` shapes to 50 Mbit/s; it needs Linux, root,
iproute2, iperf3 and ping. A small network learns the classes that a random one gives to random points: by
Data-Parallel, which averages gradients in every step, and by DiLoCo, which averages changes every ten steps. The traces
and the measurements go into the folder two_processes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from crosshaul import Recorder
from experiments.wan_emulation.namespaces import Sites

FOLDER = Path(__file__).parent / "two_processes"
RATE_BITS_PER_S, BURST_BYTES, PORT = 50e6, 65536.0, 9955
INPUTS, WIDTH, CLASSES, BATCH = 64, 768, 10, 512
STEPS, SYNC_EVERY, INNER_RATE, OUTER_RATE, MOMENTUM = 81, 10, 0.05, 0.7, 0.9


class Peer:
    """The other process, over one connection."""

    def __init__(self, rank: int, address: str) -> None:
        if rank == 0:
            with socket.create_server((address, PORT)) as server:
                self._socket, _ = server.accept()
        else:
            self._socket = _connected(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def mean(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The mean of both processes' values: each sends all of its own to the other, both ways at once."""
        sending = threading.Thread(target=self._socket.sendall, args=(values.tobytes(),))
        sending.start()
        other = np.empty_like(values)
        view = memoryview(other).cast("B")
        while view:
            view = view[self._socket.recv_into(view) :]
        sending.join()
        return (values + other) / 2


def _connected(address: str) -> socket.socket:
    for _ in range(200):
        try:
            return socket.create_connection((address, PORT))
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nobody listens on {address}")


def loss_and_gradient(
    flat: np.ndarray[Any, Any], x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]
) -> tuple[float, Any]:
    """Cross-entropy of a network with two hidden layers, and its gradient, shapes () and (N,)."""
    one, two, out = parts(flat)
    first = np.maximum(x @ one, 0)
    second = np.maximum(first @ two, 0)
    logits = second @ out
    logits -= logits.max(axis=1, keepdims=True)
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    loss = -float(np.log(shares[np.arange(len(y)), y] + 1e-9).mean())
    shares[np.arange(len(y)), y] -= 1
    shares /= len(y)
    to_second = (shares @ out.T) * (second > 0)
    to_first = (to_second @ two.T) * (first > 0)
    gradients = (x.T @ to_first, first.T @ to_second, second.T @ shares)
    return loss, np.concatenate([each.ravel() for each in gradients])


def parts(flat: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """The matrices of a network, from all its numbers in a row."""
    shapes = ((INPUTS, WIDTH), (WIDTH, WIDTH), (WIDTH, CLASSES))
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    return [each.reshape(shape) for each, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def initial(seed: int) -> np.ndarray[Any, Any]:
    """A random network, shape (N,)."""
    draws = np.random.default_rng(seed)
    shapes = ((INPUTS, WIDTH), (WIDTH, WIDTH), (WIDTH, CLASSES))
    drawn = [draws.standard_normal(shape) * np.sqrt(2 / shape[0]) for shape in shapes]
    return np.concatenate([each.ravel() for each in drawn]).astype(np.float32)


def train(rank: int, algorithm: str, address: str) -> None:
    """One process of a run; rank 0 records it."""
    peer, params, teacher = Peer(rank, address), initial(1), parts(initial(2))
    draws = np.random.default_rng(10 + rank)
    momentum, outer, agreed = np.zeros_like(params), np.zeros_like(params), params.copy()
    parallel = algorithm == "data-parallel"
    said = {"chips": 2, "tokens_per_step": 2 * BATCH} if parallel else {"chips": 1, "tokens_per_step": BATCH}
    said |= {} if parallel else {"sync_every": SYNC_EVERY}
    path = FOLDER / f"{algorithm}.jsonl"
    with Recorder(path, parameters=params.size, algorithm=algorithm, platform="cpu", enabled=rank == 0, **said) as rec:
        for step in range(1, STEPS + 1):
            x = draws.standard_normal((BATCH, INPUTS)).astype(np.float32)
            hidden = np.maximum(np.maximum(x @ teacher[0], 0) @ teacher[1], 0)
            loss, gradient = loss_and_gradient(params, x, (hidden @ teacher[2]).argmax(axis=1))
            if parallel:
                with rec.exchange(gradient.nbytes, group=2, kind="gradient"):
                    gradient = peer.mean(gradient)
            momentum = 0.9 * momentum + gradient
            params = params - INNER_RATE * momentum
            if not parallel and (step - 1) % SYNC_EVERY == 0 and step > 1:
                with rec.exchange(params.nbytes, group=2):
                    change = peer.mean(agreed - params)
                outer = MOMENTUM * outer + change
                agreed = agreed - OUTER_RATE * (change + MOMENTUM * outer)
                params = agreed.copy()
            rec.step(loss=loss)


def main() -> None:
    """Runs both algorithms, and measures the link."""
    FOLDER.mkdir(exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with Sites([RATE_BITS_PER_S] * 2, burst_bytes=BURST_BYTES) as sites:
        for algorithm in ("data-parallel", "diloco"):
            (FOLDER / f"{algorithm}.jsonl").unlink(missing_ok=True)
            words = [sys.executable, __file__, algorithm, sites.address(0)]
            running = [subprocess.Popen(sites.command(rank, [*words, str(rank)]), env=environment) for rank in range(2)]
            if any(process.wait(timeout=500) for process in running):
                raise SystemExit(f"{algorithm}: a process failed")
        _measure(sites)


def _measure(sites: Sites) -> None:
    """Ping, and iperf3 with one and with four streams, from a site to the other; names of the machine are left out."""
    to = sites.address(0)
    ping = subprocess.run(sites.command(1, ["ping", "-c", "10", "-i", "0.2", to]), capture_output=True, check=True)
    (FOLDER / "ping.txt").write_bytes(ping.stdout)
    for streams in (1, 4):
        for repeat in range(3):
            with subprocess.Popen(sites.command(0, ["iperf3", "-s", "-1"]), stdout=subprocess.DEVNULL) as server:
                time.sleep(0.5)
                words = ["iperf3", "-c", to, "-P", str(streams), "-t", "5", "-J"]
                told = json.loads(subprocess.run(sites.command(1, words), capture_output=True, check=True).stdout)
                server.wait(timeout=60)
            told["start"] |= {"system_info": "left out", "cookie": "left out"}
            told["intervals"] = []
            told["end"]["streams"] = []
            (FOLDER / f"iperf3-{streams}-{repeat + 1}.json").write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        train(int(sys.argv[3]), sys.argv[1], sys.argv[2])
