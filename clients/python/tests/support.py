"""Shared by the tests: a client of the running Longshore, and servers on this machine that it calls."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import WSGIApplication

import uvicorn

from longshore import Longshore
from longshore.generated.api.endpoints import put_endpoint, read_secret
from longshore.generated.models import Endpoint, NewUrlEndpoint, RetrySchedule, Secrets

T = TypeVar("T")

URL, KEY = os.environ["LONGSHORE_URL"], os.environ["LONGSHORE_KEY"]
longshore = Longshore(URL, KEY)
raw = longshore.raw


@dataclass
class Received:
    """A received request."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server that responds to every POST with one status."""

    url: str
    received: list[Received] = field(default_factory=list)


@contextmanager
def receiver(status: int = 200) -> Iterator[Receiver]:
    """Serves a receiver while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receives.received.append(Received(dict(self.headers.items()), body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receives = Receiver(f"http://127.0.0.1:{server.server_port}/")
    with running(server.serve_forever, server.shutdown):
        yield receives
    server.server_close()


@contextmanager
def running(serve: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    """Runs a server in a thread while the block runs."""
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@contextmanager
def wsgi(application: WSGIApplication) -> Iterator[str]:
    """Serves a WSGI application while the block runs."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        with running(server.serve_forever, server.shutdown):
            yield f"http://127.0.0.1:{server.server_port}/"


@contextmanager
def asgi(application: Any) -> Iterator[str]:
    """Serves an ASGI application while the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
    with running(lambda: server.run(sockets=[listener]), lambda: setattr(server, "should_exit", True)):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def endpoint(id: str, url: str) -> str:
    """Creates an endpoint with this URL and returns its secret."""
    put = put_endpoint.sync(id, client=raw, body=NewUrlEndpoint(url=url, schedule=RetrySchedule.FAST))
    assert isinstance(put, Endpoint), put
    secrets = read_secret.sync(id, client=raw)
    assert isinstance(secrets, Secrets), secrets
    return secrets.secret


def eventually(ask: Callable[[], T | None]) -> T:
    """Polls until there is a result, for at most two minutes."""
    end = time.monotonic() + 120
    while (found := ask()) is None:
        assert time.monotonic() < end, "not within two minutes"
        time.sleep(0.1)
    return found
