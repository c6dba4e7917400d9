"""Task handlers for WSGI and ASGI."""

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from standardwebhooks import WebhookVerificationError

from .webhooks import Secrets, verify

logger = logging.getLogger("longshore")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Message, Receive, Send], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Task:
    """A task to run. Send `attempt` with a later completion; respond before `deadline`."""

    job: str
    kind: str
    attempt: int
    deadline: datetime
    payload: Any


@dataclass(frozen=True)
class Snooze:
    """Returned by a handler to get the task again after this time, without using up an attempt."""

    seconds: int


@dataclass(frozen=True)
class Deferred:
    """Returned by a handler that calls `POST /v1/jobs/{id}/complete` or `/fail` within this time."""

    seconds: int = 3600


def wsgi_task_handler(secrets: Secrets, handle: Callable[[Task], Any]) -> WSGIApplication:
    """Creates a WSGI application that returns 401 for a wrong signature and 500 if `handle` raises.

    Otherwise it responds with what `handle` returns: the job's result as JSON, a `Snooze` or a `Deferred`.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            status, fields, content = _answer(handle(_task(secrets, headers, body)))
        except Exception as error:
            status, fields, content = _failure(error)
        start_response(f"{status} {HTTPStatus(status).phrase}", list(fields.items()))
        return [content]

    return application


def asgi_task_handler(secrets: Secrets, handle: Callable[[Task], Any]) -> ASGIApplication:
    """Creates the same as an ASGI application. `handle` is a coroutine function, or runs in a thread."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        try:
            result = await asyncio.to_thread(handle, _task(secrets, headers, body))
            status, fields, content = _answer(await result if inspect.isawaitable(result) else result)
        except Exception as error:
            status, fields, content = _failure(error)
        lines = [(name.encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": content})

    return application


def _task(secrets: Secrets, headers: Mapping[str, str], body: bytes) -> Task:
    payload = verify(secrets, headers, body)
    return Task(
        job=headers["longshore-job"],
        kind=headers["longshore-kind"],
        attempt=int(headers["longshore-attempt"]),
        deadline=datetime.fromisoformat(headers["longshore-deadline"]),
        payload=payload,
    )


def _answer(result: Any) -> Answer:
    match result:
        case Snooze(seconds):
            return 503, {"retry-after": str(seconds)}, b""
        case Deferred(seconds):
            fields = {"longshore-completion": "deferred", "longshore-completion-seconds": str(seconds)}
            return 202, fields, b""
    return 200, {"content-type": "application/json"}, json.dumps(result, allow_nan=False).encode()


def _failure(error: Exception) -> Answer:
    if isinstance(error, WebhookVerificationError):
        return 401, {}, str(error).encode()
    logger.error("A task failed.", exc_info=error)
    return 500, {}, str(error).encode()
