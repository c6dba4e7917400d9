"""The error of a refused request, and the retries of requests that are safe to repeat."""

import random
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Self, TypeVar

import httpx

from .generated.models import InvalidField

T = TypeVar("T")

ATTEMPTS_MAX = 5
# A longer Retry-After, such as until midnight, is not waited for: the error is raised.
WAIT_SECONDS_MAX = 60
REPEATABLE = (429, 502, 503, 504)


class LongshoreError(Exception):
    """A refused request: `type` names the reason, `errors` the wrong fields.

    `type` is `about:blank` if a proxy in front of Longshore responded. `retry_after` is in seconds.
    """

    def __init__(self, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.type: str = problem["type"]
        self.title: str = problem["title"]
        self.status: int = problem["status"]
        self.detail: str = problem["detail"]
        self.errors = [InvalidField.from_dict(field) for field in problem["errors"]]
        self.request_id: str = problem["request_id"]
        self.retry_after = retry_after
        super().__init__(f"{self.status} {self.title}: {self.detail}")

    @classmethod
    def of_answer(cls, answer: httpx.Response) -> Self:
        """Creates the error of a response outside 2xx."""
        wait = answer.headers.get("retry-after", "")
        retry_after = float(wait) if wait.isdecimal() else None
        try:
            return cls(answer.json(), retry_after)
        except (ValueError, KeyError, TypeError):
            blank = {"type": "about:blank", "title": answer.reason_phrase, "status": answer.status_code}
            return cls({**blank, "detail": answer.text, "errors": [], "request_id": ""}, retry_after)


def repeat(send: Callable[[], T]) -> T:
    """Sends a request, up to 5 times if the connection breaks or the status is 429, 502, 503 or 504."""
    for attempt in count(1):
        seconds = 2.0 ** (attempt - 2) * random.uniform(0.5, 1.5)
        try:
            return send()
        except (LongshoreError, httpx.TransportError) as error:
            if isinstance(error, LongshoreError):
                if error.status not in REPEATABLE:
                    raise
                seconds = seconds if error.retry_after is None else error.retry_after
            if attempt == ATTEMPTS_MAX or seconds > WAIT_SECONDS_MAX:
                raise
        time.sleep(seconds)
    raise AssertionError("count() has no end")
