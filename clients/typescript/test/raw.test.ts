// Tests of the generated client against a running Longshore.
import assert from "node:assert/strict";
import { test } from "node:test";
import { endpoint, eventually, longshore, serve } from "./support.ts";

const { raw } = longshore;

test("a webhook is accepted and succeeds", async () => {
  const receiver = await serve(() => new Response());
  await endpoint("raw-orders", receiver.url);
  const body = { kind: "webhook", endpoint: "raw-orders", payload: { body: { order: 1 } } } as const;
  const accepted = await raw.POST("/v1/jobs", { body, params: { header: { "Idempotency-Key": "raw-order-1" } } });
  const id = accepted.data?.id;
  assert.ok(id, JSON.stringify(accepted.error));
  const job = await eventually(async () => {
    const { data } = await raw.GET("/v1/jobs/{id}", { params: { path: { id }, query: { wait: 10 } } });
    return data?.finished_at ? data : undefined;
  });
  assert.deepEqual([job.state, job.idempotency_key, receiver.received.length], ["succeeded", "raw-order-1", 1]);
  assert.equal(receiver.received[0]?.body.toString(), '{"order":1}');
});

test("a list continues at its cursor", async () => {
  const job = {
    kind: "webhook",
    payload: { url: "http://127.0.0.1:9/" },
    group: "raw-pages",
    delay_seconds: 86400,
  } as const;
  const batch = await raw.POST("/v1/jobs/batch", { body: { jobs: Array(5).fill(job) } });
  assert.equal(batch.data?.summary.accepted, 5, JSON.stringify(batch.error));
  const [ids, pages] = [new Set<string>(), [] as number[]];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const query = { group: "raw-pages", limit: 2, ...(cursor && { cursor }) };
    const { data, error } = await raw.GET("/v1/jobs", { params: { query } });
    assert.ok(data, JSON.stringify(error));
    pages.push(data.data.length);
    for (const { id } of data.data) ids.add(id);
    cursor = data.next_cursor;
  }
  assert.ok(pages.length >= 3, `${pages}`);
  assert.equal(ids.size, 5);
});

test("a refused request has a typed problem", async () => {
  const body = { kind: "webhook", payload: { url: "ftp://example.com/" } } as const;
  const { data, error, response } = await raw.POST("/v1/jobs", { body });
  assert.deepEqual([data, response.status], [undefined, 422]);
  const type: "urn:problem-type:longshore:invalid-request" extends NonNullable<typeof error>["type"] ? string : never =
    error!.type;
  assert.equal(type, "urn:problem-type:longshore:invalid-request");
  assert.equal(error!.errors[0]?.pointer, "#/payload/url");
});

test("documents are found", async () => {
  const path = { name: "raw-handbook" };
  const put = await raw.PUT("/v1/indexes/{name}", { params: { path }, body: { provider: "builtin" } });
  assert.equal(put.response.status, 201, JSON.stringify(put.error));
  const documents = [
    { id: "leases", text: "A lease ends unless its heartbeat comes.", metadata: { lang: "en" } },
    { id: "queues", text: "A queue only wakes.", metadata: { lang: "en" } },
  ];
  const written = await raw.POST("/v1/indexes/{name}/documents", {
    params: { path },
    body: documents.map((document) => JSON.stringify(document)).join("\n"),
    bodySerializer: (lines: string) => lines,
    headers: { "content-type": "application/x-ndjson" },
    parseAs: "text",
  });
  const summary = JSON.parse(written.data?.trimEnd().split("\n").at(-1) ?? "null");
  assert.equal(summary?.summary.accepted, 2, written.data ?? JSON.stringify(written.error));
  const hit = await eventually(async () => {
    const { data } = await raw.POST("/v1/indexes/{name}/search", { params: { path }, body: { query: "heartbeat" } });
    return data?.hits[0];
  });
  assert.deepEqual([hit.document, hit.metadata], ["leases", { lang: "en" }]);
});

test("a dead letter has its reason", async () => {
  const receiver = await serve(() => new Response(null, { status: 500 }));
  const body = { kind: "webhook", max_attempts: 1, payload: { url: receiver.url } } as const;
  const id = (await raw.POST("/v1/jobs", { body })).data?.id;
  assert.ok(id);
  const letter = await eventually(async () => {
    const { data } = await raw.GET("/v1/dead-letters/{id}", { params: { path: { id } } });
    return data;
  });
  assert.deepEqual([letter.state, letter.reason, letter.error?.class], ["open", "attempts_exhausted", "http_5xx"]);
  const listed = await raw.GET("/v1/dead-letters", {});
  assert.ok(listed.data?.data.some((other) => other.id === id));
});
