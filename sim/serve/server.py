"""Opens the port, says where the page is, and serves it until Ctrl-C."""

from __future__ import annotations

import errno
import ipaddress
import socket
import webbrowser
from collections.abc import Sequence

from ..errors import InputError
from ..shell.printing import print_out, tell

_WORKERS = 2


def serve(host: str, port: int, *, names: Sequence[str] = (), limit_s: float = 10.0, browser: bool = False) -> None:
    """Serves the page until the process is interrupted.

    Args:
      host: address to listen on.
      port: port to listen on; 0 for any that is free.
      names: further names that people call this machine by.
      limit_s: what one answer may take [s].
      browser: whether to open a browser, too.

    Raises:
      InputError: the port or the address is not to be had, or what serves is not installed.
    """
    try:
        import uvicorn

        from .app import application
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "starlette"):
            raise
        raise InputError(f"{error.name} is not installed; run pip install 'crosshaul[serve]'") from None
    from .limits import Workers

    listening = _listen(host, port)
    url = f"http://{_written(host)}:{listening.getsockname()[1]}/"
    hosts = {"localhost", "127.0.0.1", "::1", host, *names} - {"0.0.0.0", "::"}
    app = application(Workers(_WORKERS, limit_s), hosts)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        limit_concurrency=64,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=16_384,
    )
    if not _is_loopback(host):
        tell("Others in your network can reach this page; it reads no files and keeps nothing, but it takes your CPU.")
    print_out(f"{url} (Ctrl-C ends it)\n")
    if browser:
        webbrowser.open(url)
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
      InputError: the port is in use or not allowed, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(64)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"--port {port}: another program has it; write --port {port + 1}, or --port 0 for any that is free"
            ) from None
        if error.errno == errno.EACCES:
            raise InputError(
                f"--port {port}: is not allowed for you; write one above 1023, such as --port 8765"
            ) from None
        raise InputError(f"--host {host}: is no address of this machine ({error.strerror}); write 127.0.0.1") from None
    return listening


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
