"""Tests of the helpers against a running Longshore."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from longshore import (
    Deferred,
    Longshore,
    LongshoreError,
    NewJob,
    Snooze,
    Task,
    WebhookVerificationError,
    asgi_task_handler,
    verify,
    wsgi_task_handler,
)
from longshore.generated.api.endpoints import rotate_secret
from longshore.generated.api.jobs import complete_job, read_group, read_job
from longshore.generated.models import (
    BatchResult,
    BatchSummary,
    CompleteRequest,
    Group,
    Job,
    NewTaskJob,
    Problem,
    Secrets,
    State,
)

from support import KEY, URL, asgi, endpoint, eventually, longshore, raw, receiver, wsgi

STRANGER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_webhook_is_enqueued_waited_for_and_verified() -> None:
    with receiver() as receives:
        secret = endpoint("orders", receives.url)
        order: NewJob = {"kind": "webhook", "endpoint": "orders", "payload": {"body": {"order": 1234}}}
        order["idempotency_key"] = "order 1234, ü"
        accepted = longshore.enqueue(**order)
        assert longshore.enqueue(**order).id == accepted.id
        assert longshore.wait(accepted.id).state is State.SUCCEEDED
        longshore.wait(longshore.enqueue(kind="webhook", endpoint="orders", payload={"body": "hello"}).id)
        [request, text] = receives.received
    assert verify(secret, request.headers, request.body) == {"order": 1234}
    assert verify(secret, text.headers, text.body) == "hello"
    without_id = {name: value for name, value in request.headers.items() if name.lower() != "webhook-id"}
    unreadable = {**without_id, "webhook-id": "a", "webhook-signature": "v1"}
    for headers, body in [
        (request.headers, request.body.replace(b"1234", b"1235")),
        (request.headers, b"\xff"),
        (without_id, request.body),
        (unreadable, request.body),
    ]:
        with pytest.raises(WebhookVerificationError):
            verify(secret, headers, body)
    for secrets in ([STRANGER], []):
        with pytest.raises(WebhookVerificationError):
            verify(secrets, request.headers, request.body)


def test_both_secrets_of_a_rotation_verify() -> None:
    with receiver() as receives:
        previous = endpoint("rotated", receives.url)
        rotated = rotate_secret.sync("rotated", client=raw)
        assert isinstance(rotated, Secrets) and rotated.secret != previous, rotated
        longshore.wait(longshore.enqueue(kind="webhook", endpoint="rotated", payload={"body": [1]}).id)
        [request] = receives.received
    for secrets in (previous, rotated.secret, [STRANGER, rotated.secret]):
        assert verify(secrets, request.headers, request.body) == [1]


def test_a_refused_request_raises_its_problem() -> None:
    with pytest.raises(LongshoreError) as raised:
        longshore.enqueue(kind="webhook", payload={"url": "ftp://example.com/"})
    refused = raised.value
    assert (refused.type, refused.status) == ("urn:problem-type:longshore:invalid-request", 422)
    assert refused.errors[0].pointer == "#/payload/url"
    assert refused.title and refused.detail and refused.request_id


def test_a_response_of_a_proxy_raises_too() -> None:
    gateway = Longshore(URL, KEY, transport=httpx.MockTransport(lambda _: httpx.Response(404, text="<h1>")))
    with pytest.raises(LongshoreError) as raised:
        gateway.wait("job_x")
    assert (raised.value.type, raised.value.status, raised.value.detail) == ("about:blank", 404, "<h1>")


def later(number: int) -> NewJob:
    return {
        "kind": "webhook",
        "payload": {"url": "http://127.0.0.1:9/", "body": {"n": number}},
        "group": "import",
        "run_after": datetime(2027, 1, 1, tzinfo=UTC) if number == 0 else None,
        "delay_seconds": None if number == 0 else 86_400,
    }


class Flaky(httpx.HTTPTransport):
    """Loses a response, truncates the next one, and is busy once."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = ["lost", "truncated", "busy"]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        failure = self.failures.pop(0) if self.failures else None
        if failure == "busy":
            return httpx.Response(503, headers={"retry-after": "1"})
        answer = super().handle_request(request)
        if failure is None:
            return answer
        content = answer.read()
        if failure == "lost":
            raise httpx.ReadError("the connection broke")
        return httpx.Response(answer.status_code, content=content[: len(content) // 2])


def test_2500_jobs_are_created_once_in_spite_of_lost_responses() -> None:
    flaky = Flaky()
    results: list[BatchResult] = []
    numbered = (later(number) for number in range(2_500))
    summary = Longshore(URL, KEY, transport=flaky).enqueue_many(numbered, key='im"port', on_result=results.append)
    assert (summary, flaky.failures) == (BatchSummary(accepted=1_500, duplicates=1_000, rejected=0), [])
    assert [result.index for result in results] == list(range(2_500))
    assert len({result.id for result in results}) == 2_500
    again = longshore.enqueue_many([later(number) for number in range(2_500)], key='im"port')
    assert again == BatchSummary(accepted=0, duplicates=2_500, rejected=0)
    group = read_group.sync("import", client=raw)
    assert isinstance(group, Group) and group.total == 2_500, group


def test_rejected_jobs_do_not_prevent_others() -> None:
    jobs: Iterator[NewJob] = iter([later(1), {**later(2), "group": "not a name"}, later(3)])
    results: list[BatchResult] = []
    summary = longshore.enqueue_many(jobs, key="mixed", on_result=results.append)
    assert summary == BatchSummary(accepted=2, duplicates=0, rejected=1)
    refused = results[1].problem
    assert isinstance(refused, Problem) and refused.errors[0].pointer.endswith("/group"), refused


def test_a_request_that_keeps_failing_raises_after_few_tries() -> None:
    sent = []

    def busy(retry_after: str) -> Longshore:
        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(503, headers={"retry-after": retry_after})

        return Longshore(URL, KEY, transport=httpx.MockTransport(answer))

    for retry_after, sent_then in (("0", 5), ("3600", 6)):
        with pytest.raises(LongshoreError):
            busy(retry_after).enqueue_many([later(1)], key="never")
        assert len(sent) == sent_then


def test_waiting_ends_at_its_timeout() -> None:
    job = later(1)
    job["group"] = None
    with pytest.raises(TimeoutError):
        longshore.wait(longshore.enqueue(**job).id, timeout=1)


def test_a_group_is_waited_for() -> None:
    with receiver() as receives:
        endpoint("grouped", receives.url)
        for number in (1, 2):
            longshore.enqueue(kind="webhook", endpoint="grouped", payload={"body": number}, group="pair")
        group = longshore.wait_group("pair")
        closed = longshore.close_group("pair", on_finished="grouped")
        assert closed.finished and closed.on_finished and closed.on_finished.job
        assert longshore.wait(closed.on_finished.job).state.value == "succeeded"
    assert (group.total, group.succeeded, group.open_) == (2, 2, 0)
    job = later(1)
    job["group"] = "pair"
    longshore.enqueue(**job)
    with pytest.raises(TimeoutError, match=r"pair still has open jobs \(1\)"):
        longshore.wait_group("pair", timeout=1)


def test_a_new_job_has_the_documented_members() -> None:
    assert NewJob.__annotations__.keys() == NewTaskJob.__annotations__.keys()


Serve = Callable[[Any], AbstractContextManager[str]]


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "asgi in a thread"])
def test_a_task_is_handled(interface: str) -> None:
    """Tests a result, a snooze, a deferred completion, a failure, and an unsigned request."""
    tasks: list[Task] = []

    def handle(task: Task) -> Any:
        tasks.append(task)
        match task.kind:
            case "text.count":
                return {"words": len(task.payload["text"].split())}
            case "report.build":
                return Deferred(600)
            case "quota.spend":
                return Snooze(1) if task.attempt == 1 else None
        raise LookupError("unknown task")

    async def handle_soon(task: Task) -> Any:
        return handle(task)

    # The secret exists only after the server and its endpoint.
    secrets: list[str] = []
    interfaces: dict[str, tuple[Serve, Any]] = {
        "wsgi": (wsgi, wsgi_task_handler(secrets, handle)),
        "asgi": (asgi, asgi_task_handler(secrets, handle_soon)),
        "asgi in a thread": (asgi, asgi_task_handler(secrets, handle)),
    }
    serve, application = interfaces[interface]
    name = interface.replace(" ", "-")

    def run(kind: str, payload: Any) -> str:
        return longshore.enqueue(kind=kind, endpoint=name, payload=payload, max_attempts=1).id

    with serve(application) as url:
        secrets.append(endpoint(name, url))
        counted = longshore.wait(run("text.count", {"text": "three little words"}))
        assert (counted.state, counted.result) == (State.SUCCEEDED, {"words": 3})
        assert (tasks[0].job, tasks[0].kind, tasks[0].attempt) == (counted.id, "text.count", 1)
        assert abs(tasks[0].deadline - datetime.now(UTC)) < timedelta(minutes=1)

        snoozed = longshore.wait(run("quota.spend", {}))
        assert (snoozed.state, snoozed.attempts, snoozed.result) == (State.SUCCEEDED, 2, None)

        id = run("report.build", {})

        def deferred() -> bool | None:
            job = read_job.sync(id, client=raw)
            return isinstance(job, Job) and job.completion_due_at is not None or None

        eventually(deferred)
        completed = complete_job.sync(id, client=raw, body=CompleteRequest(result={"pages": 3}, attempt=1))
        assert isinstance(completed, Job) and completed.result == {"pages": 3}, completed

        failed = longshore.wait(run("no.such", {}))
        assert failed.state is State.DEAD

        forged = httpx.post(url, content=json.dumps({}), headers={"longshore-kind": "text.count"})
        assert forged.status_code == 401


def test_the_example_of_the_readme_runs() -> None:
    readme = Path(__file__).parent.with_name("README.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    with receiver() as receives:
        secret = endpoint("orders", receives.url)
        exec(readme.split("```python\n")[1].split("```")[0], names)
        [request] = receives.received
    assert names["receive"](secret, request) == {"order": 1234}
