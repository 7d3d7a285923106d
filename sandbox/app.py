"""The application and the server that runs it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from . import account, chat, console, endpoint_routes, file_routes, run_routes
from .core import SANDBOX, Options, Sandbox
from .middlewares import ALL, PREFIXES

#: the largest body taken: a training file
MOST_BYTES = 1 << 30
#: requests under way get so long when the sandbox stops; hung ones never end by themselves
STOP_SECONDS = 0.2


def build_app(options: Options) -> web.Application:
    """The application with its state open; every platform route with and without /v1 and /v2."""
    app = web.Application(middlewares=ALL, client_max_size=MOST_BYTES)
    app[SANDBOX] = Sandbox.build(options)
    for prefix in ("", *PREFIXES):
        for part in (file_routes, run_routes, chat, account, endpoint_routes):
            app.add_routes(part.routes(prefix))
    app.add_routes(console.routes())
    app.cleanup_ctx.append(_closing)
    return app


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    app[SANDBOX].state.close()


async def serve(options: Options, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; tells its URL when it listens."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(build_app(options), access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        ready(f"http://{host}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        await runner.cleanup()
