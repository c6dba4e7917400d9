"""Tests of the generated client against a running Longshore."""

import io
import json

from longshore.generated.api.dead_letters import list_dead_letters, read_dead_letter
from longshore.generated.api.indexes import put_index, search, write_documents
from longshore.generated.api.jobs import create_job, create_jobs, list_jobs, read_job
from longshore.generated.models import (
    AcceptedJob,
    BatchAnswer,
    DeadLetter,
    DeadLetterPage,
    DeadLetterState,
    DeadReason,
    ErrorClass,
    Job,
    JobError,
    JobPage,
    NewJobs,
    NewUrlWebhookJob,
    NewUrlWebhookJobKind,
    NewWebhookJob,
    NewWebhookJobKind,
    Problem,
    ProblemType,
    PutIndex,
    SearchHit,
    SearchRequest,
    SearchResult,
    State,
    UrlWebhookPayload,
    WebhookPayload,
    WholeIndex,
)
from longshore.generated.types import UNSET, File, Unset

from support import endpoint, eventually, raw, receiver


def to_url(url: str, **options: int | str) -> NewUrlWebhookJob:
    job = NewUrlWebhookJob(kind=NewUrlWebhookJobKind.WEBHOOK, payload=UrlWebhookPayload(url=url))
    for name, value in options.items():
        setattr(job, name, value)
    return job


def test_a_webhook_is_accepted_and_succeeds() -> None:
    with receiver() as receives:
        endpoint("raw-orders", receives.url)
        payload = WebhookPayload(body={"order": 1})
        job = NewWebhookJob(kind=NewWebhookJobKind.WEBHOOK, endpoint="raw-orders", payload=payload)
        accepted = create_job.sync(client=raw, body=job, idempotency_key="raw-order-1")
        assert isinstance(accepted, AcceptedJob), accepted

        def ended() -> Job | None:
            read = read_job.sync(accepted.id, client=raw, wait=3)
            assert isinstance(read, Job), read
            return read if read.finished_at else None

        ended_job = eventually(ended)
        assert (ended_job.state, ended_job.idempotency_key) == (State.SUCCEEDED, "raw-order-1")
        assert [json.loads(request.body) for request in receives.received] == [{"order": 1}]


def test_a_list_continues_at_its_cursor() -> None:
    job = to_url("http://127.0.0.1:9/", group="raw-pages", delay_seconds=86_400)
    batch = create_jobs.sync(client=raw, body=NewJobs(jobs=[job] * 5))
    assert isinstance(batch, BatchAnswer) and batch.summary.accepted == 5, batch
    ids: set[str] = set()
    pages = 0
    cursor: str | None | Unset = UNSET
    while cursor is not None:
        page = list_jobs.sync(client=raw, group="raw-pages", limit=2, cursor=cursor)
        assert isinstance(page, JobPage), page
        assert len(page.data) <= 2
        ids.update(job.id for job in page.data)
        pages, cursor = pages + 1, page.next_cursor
    assert pages >= 3 and len(ids) == 5


def test_a_refused_request_has_a_typed_problem() -> None:
    answer = create_job.sync_detailed(client=raw, body=to_url("ftp://example.com/"))
    assert answer.status_code == 422
    assert isinstance(answer.parsed, Problem)
    assert answer.parsed.type_ is ProblemType.URNPROBLEM_TYPELONGSHOREINVALID_REQUEST
    assert answer.parsed.type_.value == "urn:problem-type:longshore:invalid-request"
    assert answer.parsed.errors[0].pointer == "#/payload/url"


def test_documents_are_found() -> None:
    made = put_index.sync("raw-handbook", client=raw, body=PutIndex(provider="builtin"))
    assert isinstance(made, WholeIndex), made
    documents = [
        {"id": "leases", "text": "A lease ends unless its heartbeat comes.", "metadata": {"lang": "en"}},
        {"id": "queues", "text": "A queue only wakes.", "metadata": {"lang": "en"}},
    ]
    lines = File(io.BytesIO("\n".join(map(json.dumps, documents)).encode()))
    written = write_documents.sync_detailed("raw-handbook", client=raw, body=lines)
    assert written.status_code == 200, written.content
    assert json.loads(written.content.splitlines()[-1])["summary"]["accepted"] == 2

    def hit() -> SearchHit | None:
        found = search.sync("raw-handbook", client=raw, body=SearchRequest(query="heartbeat"))
        assert isinstance(found, SearchResult), found
        return found.hits[0] if found.hits else None

    first = eventually(hit)
    assert (first.document, first.metadata.to_dict()) == ("leases", {"lang": "en"})


def test_a_dead_letter_has_its_reason() -> None:
    with receiver(500) as receives:
        accepted = create_job.sync(client=raw, body=to_url(receives.url, max_attempts=1))
        assert isinstance(accepted, AcceptedJob), accepted

        def dead() -> DeadLetter | None:
            letter = read_dead_letter.sync(accepted.id, client=raw)
            return letter if isinstance(letter, DeadLetter) else None

        letter = eventually(dead)
    assert (letter.state, letter.reason) == (DeadLetterState.OPEN, DeadReason.ATTEMPTS_EXHAUSTED)
    assert isinstance(letter.error, JobError) and letter.error.class_ is ErrorClass.HTTP_5XX
    page = list_dead_letters.sync(client=raw)
    assert isinstance(page, DeadLetterPage) and accepted.id in [letter.id for letter in page.data]
