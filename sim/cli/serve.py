"""`simulate serve`: its options."""

from __future__ import annotations

from typing import Annotated

import typer

PortOption = Annotated[
    int, typer.Option(help="Port to listen on; 0 for any that is free.", min=0, max=65535, metavar="PORT")
]
HostOption = Annotated[str, typer.Option(help="Address to listen on; others reach yours only if you say so here.")]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(help="Another name that people call this machine by in the address; repeat.", metavar="NAME"),
]
TimeLimitOption = Annotated[
    float, typer.Option(help="Seconds that one answer may take before it is ended.", min=0.1, max=3600)
]
BrowserOption = Annotated[bool, typer.Option("--browser", help="Open the page in a browser, too.")]


def serve(
    port: PortOption = 8765,
    host: HostOption = "127.0.0.1",
    allow_host: AllowHostOption = None,
    time_limit: TimeLimitOption = 10.0,
    browser: BrowserOption = False,
) -> None:
    """A page with sliders in your browser: the answer of the main job follows what you choose.

    Needs the extra `serve` (pip install 'crosshaul[serve]'). The address of the page holds all that was chosen, so a
    link shares it. Ctrl-C ends it.
    """
    from ..serve.server import serve as serve_page

    serve_page(host, port, names=allow_host or (), limit_s=time_limit, browser=browser)
