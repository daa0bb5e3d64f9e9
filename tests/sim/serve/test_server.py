"""`simulate serve` as a process: its address, its port, its end."""

from __future__ import annotations

import builtins
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip("uvicorn", reason="needs the extra `serve`: pip install 'crosshaul[serve]'")

from sim.serve.server import serve

START = "import sys; sys.argv = ['simulate', *sys.argv[1:]]; from sim.cli.command import main; main()"


@pytest.fixture
def started():
    processes = []

    def start(*words: str) -> tuple[subprocess.Popen, str]:
        command = [sys.executable, "-c", START, "serve", "--port", "0", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process, process.stdout.readline()

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_says_where_it_is_and_ends_cleanly(started, number, code):
    process, line = started()
    url = re.fullmatch(r"(http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", line)[1]
    with urllib.request.urlopen(url) as response:
        assert response.status == 200
        assert "server" not in response.headers
    with urllib.request.urlopen(f"{url}answer?workload=550m") as response:
        assert b'"verdict"' in response.read()
    process.send_signal(number)
    said, errors = process.communicate(timeout=20)
    assert (process.returncode, said, errors) == (code, "", "")


def test_ctrl_c_ends_an_answer_that_is_being_worked_out(started):
    process, line = started("--time-limit", "600")
    url = line.split()[0]
    host = url.split("/")[2]
    with socket.create_connection((host.split(":")[0], int(host.split(":")[1]))) as asking:
        query = "topology=low-bw&strategy=async-diloco&replicas=8"
        asking.sendall(f"GET /answer?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert asking.recv(100).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130


def test_it_listens_on_this_machine_alone(started):
    _, line = started()
    port = int(re.search(r":(\d+)/", line)[1])
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own, port), timeout=5)


def test_a_name_has_to_be_allowed(started):
    _, line = started("--allow-host", "my-machine")
    url = line.split()[0]
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": "my-machine"})) as response:
        assert response.status == 200
    with pytest.raises(urllib.error.HTTPError, match="421") as refused:
        urllib.request.urlopen(urllib.request.Request(url, headers={"Host": "other"}))
    refused.value.close()


def test_an_answer_may_take_as_long_as_it_is_given(started):
    _, line = started("--time-limit", "0.5")
    query = "answer?topology=swarm-16&strategy=async-diloco&replicas=16"
    with urllib.request.urlopen(f"{line.split()[0]}{query}") as response:
        assert b"longer than 0.5 s" in response.read().splitlines()[-1]


def test_a_browser_is_opened_if_asked_for(started, monkeypatch, tmp_path):
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    _, line = started("--browser")
    for _ in range(100):
        if (opened := tmp_path / "opened").exists() and opened.read_text():
            break
        time.sleep(0.1)
    assert opened.read_text().strip() == line.split()[0]


def test_a_port_in_use_is_told_with_another(simulate):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said, errors = simulate("serve", "--port", port)
    assert (code, said) == (2, "")
    assert f"--port {port}: another program has it; write --port {port + 1}, or --port 0" in errors


def test_an_address_of_another_machine_is_told(simulate):
    code, _, errors = simulate("serve", "--host", "192.0.2.1")
    assert code == 2
    assert "--host 192.0.2.1: is no address of this machine" in errors
    assert "write 127.0.0.1" in errors


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "uvicorn":
            raise ModuleNotFoundError("no uvicorn", name="uvicorn")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Exception, match=r"uvicorn is not installed; run pip install 'crosshaul\[serve\]'"):
        serve("127.0.0.1", 0)


def test_the_command_line_loads_nothing_of_it():
    code = (
        "import sys, sim.cli.app; "
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('starlette', 'uvicorn', 'anyio') or 'sim.serve' in n))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
