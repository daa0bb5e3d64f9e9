"""The web application: a few addresses, what a request may be, and what a browser is told not to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import InputError
from .answer import Task
from .controls import controls
from .limits import StoppedError, Workers
from .pages import page
from .state import State, WrongStateError, address, read

MOST_QUERY_BYTES = 4_000
HEADERS = {
    # No script but our own file, nothing from anywhere else; styles may stand in a report, which brings its own.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}
_DOWNLOADS = {
    "report.html": ("html", "text/html"),
    "result.json": ("json", "application/json"),
    "scenario.yaml": ("yaml", "application/yaml"),
}
_FIELDS = {
    "workload.chips": "chips",
    "workload.params": "params",
    "workload": "workload",
    "topology.links": "bandwidth",
    "topology.generate": "bandwidth",
    "topology": "topology",
    "strategies": "strategy",
}
"""Which field of the page a mistake belongs to, by how its message begins; the first that fits."""


def application(workers: Workers, hosts: Collection[str]) -> ASGIApp:
    """The application.

    Args:
      workers: who works answers out.
      hosts: names that it is called by, without a port; a request under another name is refused.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await workers.start()
        try:
            yield
        finally:
            await workers.stop()

    async def answer(request: Request) -> Response:
        return StreamingResponse(_lines(workers, request), media_type="application/x-ndjson")

    downloads = [Route(f"/{name}", _download(workers, name), methods=["GET"]) for name in _DOWNLOADS]
    routes = [
        Route("/", _page, methods=["GET"]),
        Route("/answer", answer, methods=["GET"]),
        *downloads,
        *(Route(f"/static/{name}", _static(name), methods=["GET"]) for name in _STATIC),
    ]
    return Guard(Starlette(routes=routes, lifespan=lifespan), hosts)


class Guard:
    """Refuses what no browser of ours sends, and adds the headers that every answer has.

    A name that is not ours in `Host` is somebody's page that had its own name point here (DNS rebinding). Where the
    browser says that another site asks for anything but the page itself, it is refused as well.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or hands it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This name is not served here; use the address that simulate serve printed.", 421)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Only GET is answered here.", 405, {"allow": "GET, HEAD"})
        if len(scope["query_string"]) > MOST_QUERY_BYTES:
            return PlainTextResponse(f"The address is too long; it may have {MOST_QUERY_BYTES} bytes.", 414)
        site = headers.get("sec-fetch-site", "none")
        if scope["path"] != "/" and site not in ("same-origin", "none"):
            return PlainTextResponse("Another site may not ask this; open the page itself.", 403)
        return None


def _host(header: str) -> str:
    """`localhost:8765` -> `localhost`, `[::1]:8765` -> `::1`."""
    name = header.partition("]")[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]
    return name.lower()


async def _page(request: Request) -> Response:
    pairs = request.query_params.multi_items()
    try:
        state = read(pairs)
        return HTMLResponse(page(state, {}, {}, address(state)))
    except WrongStateError as error:
        written = {name: value for name, value in pairs if name in error.errors}
        return HTMLResponse(page(State(), error.errors, written, address(State())), 422)


async def _lines(workers: Workers, request: Request) -> AsyncIterator[str]:
    """The answer as JSON, an object a line: the state, then its parts; or what is wrong."""
    try:
        state = read(request.query_params.multi_items())
        first = [control.data() for control in controls(state)]
        yield _line({"controls": first, "address": address(state)})
        async for part in workers.ask(Task(state, limit_s=workers.limit_s)):
            yield _line(part)
    except WrongStateError as error:
        yield _line({"errors": error.errors})
    except InputError as error:
        yield _line({"errors": _by_field(error)})
    except StoppedError as error:
        yield _line({"stopped": str(error)})


def _line(part: object) -> str:
    return json.dumps(part) + "\n"


def _by_field(error: InputError) -> dict[str, str]:
    """A mistake that only shows when all is put together, by the field that it belongs to."""
    text = str(error).removeprefix("scenario: ")
    if " datacenters and topology " in text:
        return {"replicas": text}
    return {next((field for start, field in _FIELDS.items() if text.startswith(start)), ""): text}


def _download(workers: Workers, name: str) -> Callable[[Request], Awaitable[Response]]:
    shape, kind = _DOWNLOADS[name]

    async def download(request: Request) -> Response:
        try:
            task = Task(read(request.query_params.multi_items()), shape)
            text = "".join([part["text"] async for part in workers.ask(task)])
        except WrongStateError as error:
            told = "\n".join(f"{field}: {message}" for field, message in error.errors.items())
            return PlainTextResponse(told, 422)
        except InputError as error:
            return PlainTextResponse(str(error), 422)
        except StoppedError as error:
            return PlainTextResponse(str(error), 503)
        return Response(text, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})

    return download


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def static(_: Request) -> Response:
        return Response(_static_text(name), media_type=_STATIC[name])

    return static


@lru_cache(maxsize=len(_STATIC))
def _static_text(name: str) -> str:
    return resources.files("sim.serve").joinpath("static", name).read_text(encoding="utf-8")
