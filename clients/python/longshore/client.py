"""The client: the routes that most callers need, and the generated client for all others."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Required, TypedDict, Unpack

import httpx

from .generated.client import AuthenticatedClient
from .generated.models import AcceptedJob, BatchResult, BatchSummary, Group, Job
from .problem import LongshoreError, repeat

# Limits of a chunk of `enqueue_many`. The chunk keys depend on them: a repeat with other limits would create new jobs.
CHUNK_LINES_MAX = 1000
CHUNK_CHARACTERS_MAX = 4 * 1024 * 1024
WAIT_SECONDS_MAX = 30
# Waiting requests take 30 seconds, and large ones take longer than the default timeout of httpx.
TIMEOUT_SECONDS = 60.0
NDJSON = "application/x-ndjson"


class NewJob(TypedDict, total=False):
    """A job to create. The OpenAPI document describes each member."""

    kind: Required[str]
    payload: Required[Any]
    endpoint: str | None
    run_after: datetime | str | None
    delay_seconds: int | None
    deadline_at: datetime | str | None
    max_attempts: int | None
    retry_schedule: str | None
    event_id: str | None
    group: str | None
    metadata: dict[str, Any] | None
    idempotency_key: str | None
    idempotency_window_seconds: int | None
    traceparent: str | None


class Longshore:
    """Client of one tenant. Error responses raise a `LongshoreError`.

    `raw` is the generated client: pass it as `client` to the functions of `longshore.generated.api`. Further arguments
    go to `httpx.Client`.
    """

    def __init__(self, url: str, key: str, **httpx_args: Any) -> None:
        timeout = httpx.Timeout(httpx_args.pop("timeout", TIMEOUT_SECONDS))
        self.raw = AuthenticatedClient(base_url=url, token=key, timeout=timeout, httpx_args=httpx_args)

    def enqueue(self, **job: Unpack[NewJob]) -> AcceptedJob:
        """Creates a job. With an idempotency key a repeat returns the same job, so broken connections are retried."""

        def send() -> AcceptedJob:
            headers = {"content-type": "application/json"}
            return AcceptedJob.from_dict(self._ask("POST", "/v1/jobs", content=_line(job), headers=headers).json())

        return repeat(send) if job.get("idempotency_key") else send()

    def enqueue_many(
        self, jobs: Iterable[NewJob], *, key: str, on_result: Callable[[BatchResult], object] | None = None
    ) -> BatchSummary:
        """Creates any number of jobs and counts them; `on_result` gets the result of each.

        Only a chunk of 1,000 jobs or 4 MiB is in memory. Chunk n has the idempotency key `{key}-{n}`, and is sent
        again when the connection breaks or after 429 and 503. If it still fails, this raises: call it again with the
        same key and the same jobs in the same order, and no job is stored twice.
        """
        total = BatchSummary(accepted=0, duplicates=0, rejected=0)
        offset = 0
        for number, lines in enumerate(_chunks(jobs)):
            results, summary = repeat(lambda: self._send_lines(lines, f"{key}-{number}"))
            for result in results:
                result.index += offset
                if on_result:
                    on_result(result)
            total.accepted += summary.accepted
            total.duplicates += summary.duplicates
            total.rejected += summary.rejected
            offset += len(lines)
        return total

    def wait(self, id: str, timeout: float = 300) -> Job:
        """Waits until a job has ended; raises `TimeoutError` if that takes longer than `timeout` seconds."""
        job = Job.from_dict(self._until_ended(f"/v1/jobs/{id}", timeout))
        if job.finished_at is None:
            raise TimeoutError(f"{id} is still {job.state.value} after {timeout} s.")
        return job

    def wait_group(self, id: str, timeout: float = 300) -> Group:
        """Waits until all jobs of a group have ended, which must have been sent before; raises as `wait` does."""
        group = Group.from_dict(self._until_ended(f"/v1/groups/{id}", timeout))
        if group.finished_at is None:
            raise TimeoutError(f"{id} still has open jobs ({group.open_}) after {timeout} s.")
        return group

    def close_group(self, id: str, *, on_finished: str | None = None) -> Group:
        """Says that no more jobs of a group come. The endpoint `on_finished` gets one webhook when all have ended."""
        body = {} if on_finished is None else {"on_finished": {"endpoint": on_finished}}
        return Group.from_dict(repeat(lambda: self._ask("POST", f"/v1/groups/{id}/close", json=body)).json())

    def _until_ended(self, path: str, timeout: float) -> dict[str, Any]:
        """Reads with `wait` until the end, or until the time is over."""
        end = time.monotonic() + timeout
        while True:
            seconds = min(WAIT_SECONDS_MAX, max(0, math.ceil(end - time.monotonic())))
            answer = repeat(lambda: self._ask("GET", path, params={"wait": seconds}))
            found: dict[str, Any] = answer.json()
            if found["finished_at"] is not None or time.monotonic() >= end:
                return found

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self.raw.get_httpx_client().request(method, path, **options)
        if not answer.is_success:
            raise LongshoreError.of_answer(answer)
        return answer

    def _send_lines(self, lines: list[bytes], key: str) -> tuple[list[BatchResult], BatchSummary]:
        """Sends a chunk. A response without a complete summary was interrupted."""
        quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
        headers = {"content-type": NDJSON, "accept": NDJSON, "idempotency-key": quoted}
        answer = self._ask("POST", "/v1/jobs/batch", content=b"\n".join(lines), headers=headers)
        try:
            *results, last = [json.loads(line) for line in answer.content.splitlines()]
            summary = BatchSummary.from_dict(last["summary"])
        except (ValueError, KeyError) as error:
            raise httpx.RemoteProtocolError("The response was interrupted before its summary.") from error
        if last["problem"]:
            raise LongshoreError(last["problem"])
        return [BatchResult.from_dict(result) for result in results], summary


def _line(job: NewJob) -> bytes:
    return json.dumps(job, default=_time, allow_nan=False, separators=(",", ":")).encode()


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _chunks(jobs: Iterable[NewJob]) -> Iterator[list[bytes]]:
    """Splits jobs into chunks of lines."""
    lines: list[bytes] = []
    size = 0
    for job in jobs:
        line = _line(job)
        if len(lines) == CHUNK_LINES_MAX or (lines and size + len(line) > CHUNK_CHARACTERS_MAX):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield lines
