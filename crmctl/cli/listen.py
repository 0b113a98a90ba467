"""listen: what the systems send by themselves, as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Commit
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.sources.source import Source
    from crmctl.sync.inbox import Inbox
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.workspace import Workspace

_LARGEST = 1 << 20  # bytes of one delivery


def listen(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")
    ] = 8787,
    commit: Commit = False,
) -> None:
    """Receive what Slack, Supabase and Gong send, as it happens.

    They post to /slack, /supabase and /gong. Each delivery is proved by its signature or secret, answered at once,
    and taken in as a sync would. Put a web server with TLS in front, and let a nightly `crmctl sync` read what was
    missed. Needs `pip install 'crmctl[listen]'`.

    Example: crmctl listen --port 8787 --commit
    """
    import threading

    from crmctl.model.errors import ConfigError
    from crmctl.sources import webhooks
    from crmctl.sync.inbox import Inbox
    from crmctl.workspace.machine import Machine

    try:
        import uvicorn
    except ImportError:
        raise ConfigError(
            "listening needs two more packages: pip install 'crmctl[listen]'"
        ) from None
    current, machine = session(ctx), Machine()
    systems = webhooks.able(machine)
    root = current.ws.root
    if commit:
        current.ws.git.refuse_if_busy()
    connections = _Connections(current, machine)
    inbox = Inbox(lambda: _fresh(root), connections.source, current.out.say, commit=commit)
    stop = threading.Event()
    worker = threading.Thread(target=inbox.work, args=(stop,), name="inbox")
    worker.start()
    current.out.say(f"listening on http://{host}:{port} for {', '.join(systems)}; Ctrl-C ends it")
    try:
        uvicorn.run(
            application(current, machine, inbox), host=host, port=port,
            log_level="warning", access_log=False, server_header=False, limit_concurrency=100,
        )  # fmt: skip
    finally:
        stop.set()
        worker.join()
        connections.close()


def application(current: Session, machine: Machine, inbox: Inbox) -> Any:
    """The web application: one address for each system that this machine can prove."""
    import time

    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    from crmctl.sources import webhooks

    settings = current.ws.config.sources
    secrets = {s: machine.get(s, webhooks.SECRETS[s]) for s in webhooks.able(machine)}

    async def receive(request: Request) -> Response:
        system = request.url.path.strip("/")
        if system not in secrets:
            return PlainTextResponse("nothing is received here", 404)
        body = b""
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > _LARGEST:
                    return PlainTextResponse("too large", 413)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        # Behind a proxy the address is not the one that was signed: its path and query are what can be compared.
        place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard = webhooks.hear(system, secrets[system], settings, headers, body, place, time.time())
        if heard is None:
            return PlainTextResponse("not proved", 401)
        if not inbox.put(system, heard):
            return PlainTextResponse("too many at once", 503, {"Retry-After": "60"})
        return PlainTextResponse(heard.answer)

    return Starlette(routes=[Route("/{system}", receive, methods=["POST"])])


class _Connections:
    """The sources of the run that is being carried, and its network; a new one for each."""

    def __init__(self, current: Session, machine: Machine) -> None:
        self._current, self._machine = current, machine
        self._network: Network | None = None
        self._workspace: Workspace | None = None

    def source(self, ws: Workspace, system: str) -> Source:
        """A system, connected for this run."""
        from crmctl.cli.sync import make_network
        from crmctl.sources import registry

        if self._network is None or ws is not self._workspace:
            self.close()
            self._network, self._workspace = make_network(self._current, ws), ws
        return registry.connect(system, self._machine, ws.config.sources, self._network)

    def close(self) -> None:
        """Let go of the connections."""
        if self._network is not None:
            self._network.close()
            self._network = None


def _fresh(root: Any) -> Workspace:
    """The workspace as it is now: its clock and its settings too."""
    from crmctl.workspace.workspace import Workspace

    return Workspace(root)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("listen")(listen)
