"""Chat completions over aiohttp, on one event loop in a thread of its own: a thousand at once cost no thousand threads.

OpenAI's client costs some 4 ms of CPU a request with as many at once, most of it httpx's pool of connections; see
benchmarks/profiles.md.
"""

from __future__ import annotations

import asyncio
import atexit
import random
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
import openai
import orjson

from worker.adapters.together_errors import learn, retry_after
from worker.pacing import Pace

T = TypeVar("T")

ASK_TIMEOUT_S = 60.0  #: between two pieces of an answer
CONNECT_TIMEOUT_S = 5.0
ASK_RETRIES = 2
RETRIED = frozenset({408, 409, 425})  #: beside 5xx
LONGEST_REST_S = 8.0  #: between two tries
WAITERS = 32  #: threads that wait for a place at the pace
TELLERS = 4  #: threads that tell it what was answered: behind those that wait, that would come too late


class Loop:
    """An event loop that runs in a thread of its own from when it is first used: a fork before that does no harm."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._thread = threading.Thread(target=self._run, name="chat", daemon=True)
        self._tellers = ThreadPoolExecutor(TELLERS, thread_name_prefix="tell")

    def begin(self, coro: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(ThreadPoolExecutor(WAITERS, thread_name_prefix="pace"))
                self._thread.start()
                atexit.register(self.close)
        return asyncio.run_coroutine_threadsafe(coro, self._loop)

    def _run(self) -> None:
        assert self._loop is not None, "made before the thread is started"
        self._loop.run_forever()

    def close(self) -> None:
        """For good: ends what is under way."""
        atexit.unregister(self.close)
        if self._loop is not None and self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._ended(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self._tellers.shutdown(wait=False)

    async def tell(self, call: Callable[[], object]) -> None:
        """A call that asks Redis, away from the loop."""
        await asyncio.get_running_loop().run_in_executor(self._tellers, call)

    async def _ended(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """To be asked for on the loop. How many requests are under way is the window's concern."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context()),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=ASK_TIMEOUT_S),
            )
        return self._session


class ChatClient:
    """What HintEval needs of OpenAI's client: `client.chat.completions.create(...)`. Raises OpenAI's errors."""

    def __init__(self, loop: Loop, *, base_url: str, api_key: str, pace: Pace) -> None:
        self._loop = loop
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._proxy = _proxy(self._url)
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._pace = pace
        self.chat = self.completions = self

    async def create(self, **request: Any) -> SimpleNamespace:
        """The completion, as far as HintEval reads it."""
        body = orjson.dumps(request)
        for left in range(ASK_RETRIES, -1, -1):
            try:
                answer = await self._once(body)
                break
            except openai.APIError as exc:
                if not left or not _worth_another_try(exc):
                    raise
                await asyncio.sleep(_rest_s(exc, ASK_RETRIES - left))
        message = orjson.loads(answer)["choices"][0]["message"]
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=message.get("content")))])

    async def _once(self, body: bytes) -> bytes:
        try:
            async with self._loop.session.post(
                self._url, data=body, headers=self._headers, proxy=self._proxy
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise openai.APIConnectionError(request=httpx.Request("POST", self._url)) from exc
        if response.status < 400:
            if "x-ratelimit-remaining" in response.headers:  # it may have to tell Redis
                await self._loop.tell(partial(self._pace.after, response.status, response.headers, None))
            return answer
        refused = httpx.Response(
            response.status, headers=_plain(response), content=answer, request=httpx.Request("POST", self._url)
        )
        await self._loop.tell(partial(learn, self._pace, refused))
        raise openai.APIStatusError(f"answered {response.status}", response=refused, body=_json(answer))


def _proxy(url: str) -> str | None:
    """The environment's, once: aiohttp would look it up, and read a .netrc in a thread, for every request."""
    parts = urlsplit(url)
    found = getproxies()
    return None if proxy_bypass(parts.netloc) else found.get(parts.scheme) or found.get("all")


def _worth_another_try(exc: openai.APIError) -> bool:
    """What was refused for its number is waited for at the pace, not here."""
    if isinstance(exc, openai.APIStatusError):
        return exc.response.headers.get("x-should-retry") != "false" and (
            exc.status_code in RETRIED or exc.status_code >= 500
        )
    return True


def _rest_s(exc: openai.APIError, tried: int) -> float:
    asked = retry_after(getattr(exc, "response", None))
    if asked is not None and asked <= LONGEST_REST_S:
        return asked
    return min(0.5 * 2.0**tried, LONGEST_REST_S) * random.uniform(0.75, 1.0)  # noqa: S311  # no secret


def _plain(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Its headers, but for those of a body that was unpacked."""
    return {name: text for name, text in response.headers.items() if name.lower() != "content-encoding"}


def _json(answer: bytes) -> object:
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        return answer.decode("utf-8", "replace")
