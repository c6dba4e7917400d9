// Tests of the helpers against a running Longshore.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import {
  type BatchResult,
  Deferred,
  Longshore,
  LongshoreError,
  type NewJob,
  Snooze,
  type Task,
  taskHandler,
  verify,
  WebhookVerificationError,
} from "longshore";
import { endpoint, eventually, longshore, options, serve } from "./support.ts";

test("a webhook is enqueued, waited for and verified", async () => {
  const receiver = await serve(() => new Response());
  const secret = await endpoint("orders", receiver.url);
  const order: NewJob = { kind: "webhook", endpoint: "orders", payload: { body: { order: 1234 } } };
  const accepted = await longshore.enqueue(order, { idempotencyKey: "order 1234, ü" });
  assert.equal((await longshore.enqueue(order, { idempotencyKey: "order 1234, ü" })).id, accepted.id);
  assert.equal((await longshore.wait(accepted.id)).state, "succeeded");
  const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
  assert.deepEqual(verify(secret, headers, body), { order: 1234 });
  await longshore.wait((await longshore.enqueue({ kind: "webhook", endpoint: "orders", payload: { body: "hello" } })).id);
  const text = receiver.received[1]!;
  assert.equal(verify(secret, text.headers, text.body), "hello");
  const tampered = body.toString().replace("1234", "1235");
  assert.throws(() => verify(secret, headers, tampered), WebhookVerificationError);
  assert.throws(() => verify(secret, { ...headers, "webhook-id": undefined }, body), WebhookVerificationError);
  assert.throws(() => verify([], headers, body), WebhookVerificationError);
});

test("both secrets of a rotation verify", async () => {
  const receiver = await serve(() => new Response());
  const previous = await endpoint("rotated", receiver.url);
  const rotated = await longshore.raw.POST("/v1/endpoints/{id}/secret/rotate", { params: { path: { id: "rotated" } } });
  const secret = rotated.data?.secret;
  assert.ok(secret && secret !== previous);
  const { id } = await longshore.enqueue({ kind: "webhook", endpoint: "rotated", payload: { body: "[1]" } });
  await longshore.wait(id);
  const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
  for (const secrets of [previous, secret, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", secret]]) {
    assert.deepEqual(verify(secrets, new Headers(headers as Record<string, string>), body), [1]);
  }
  assert.throws(() => verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body), WebhookVerificationError);
});

test("a refused request throws its problem", async () => {
  const thrown = await longshore
    .enqueue({ kind: "webhook", payload: { url: "ftp://example.com/" } })
    .catch((error) => error);
  assert.ok(thrown instanceof LongshoreError, String(thrown));
  const { type, title, status, detail, errors, request_id } = thrown.problem;
  assert.deepEqual([type, status], ["urn:problem-type:longshore:invalid-request", 422]);
  assert.equal(errors[0]?.pointer, "#/payload/url");
  assert.ok(title && detail && request_id);
});

test("a response of a proxy throws too", async () => {
  const gateway = new Longshore({
    ...options,
    fetch: async () => new Response("<h1>", { status: 404, statusText: "Gone" }),
  });
  const thrown = await gateway.wait("job_x").catch((error) => error);
  assert.ok(thrown instanceof LongshoreError, String(thrown));
  const { type, status, detail } = thrown.problem;
  assert.deepEqual([type, status, detail], ["about:blank", 404, "<h1>"]);
});

const later = (n: number): NewJob => ({
  kind: "webhook",
  payload: { url: "http://127.0.0.1:9/", body: { n } },
  group: "import",
  delay_seconds: 86400,
});

async function* numbered(count: number) {
  for (let n = 0; n < count; n++) yield later(n);
}

test("2,500 jobs are created once in spite of lost responses", async () => {
  const failures = ["lost", "truncated", "busy"];
  const flaky = new Longshore({
    ...options,
    fetch: async (request) => {
      const failure = failures.shift();
      if (failure === "busy") return new Response("busy", { status: 503, headers: { "retry-after": "1" } });
      const response = await fetch(request);
      if (failure === undefined) return response;
      const answer = await response.text();
      if (failure === "lost") throw new TypeError("fetch failed");
      return new Response(answer.slice(0, answer.length / 2), response);
    },
  });
  const results: BatchResult[] = [];
  const onResult = (result: BatchResult) => results.push(result);
  const summary = await flaky.enqueueMany(numbered(2500), { key: 'im"port', onResult });
  assert.deepEqual([summary, failures], [{ accepted: 1500, duplicates: 1000, rejected: 0 }, []]);
  assert.deepEqual(
    results.map(({ index }) => index),
    [...Array(2500).keys()],
  );
  assert.equal(new Set(results.map(({ id }) => id)).size, 2500);
  const again = await longshore.enqueueMany(
    Array.from({ length: 2500 }, (_, n) => later(n)),
    { key: 'im"port' },
  );
  assert.deepEqual(again, { accepted: 0, duplicates: 2500, rejected: 0 });
  const group = await longshore.raw.GET("/v1/groups/{id}", { params: { path: { id: "import" } } });
  assert.equal(group.data?.total, 2500);
});

test("rejected jobs do not prevent others", async () => {
  const jobs = [later(0), { ...later(1), group: "not a name" }, later(2)];
  const results: BatchResult[] = [];
  const summary = await longshore.enqueueMany(jobs, { key: "mixed", onResult: (result) => results.push(result) });
  assert.deepEqual(summary, { accepted: 2, duplicates: 0, rejected: 1 });
  assert.equal(results[1]?.problem?.errors[0]?.pointer, "#/group");
});

test("a request that keeps failing throws after few tries", async () => {
  let sent = 0;
  const busy = (retryAfter: string) =>
    new Longshore({
      ...options,
      fetch: async () => (sent++, new Response("", { status: 503, headers: { "retry-after": retryAfter } })),
    });
  await assert.rejects(busy("0").enqueueMany([later(0)], { key: "never" }), LongshoreError);
  assert.equal(sent, 5);
  await assert.rejects(busy("3600").enqueueMany([later(0)], { key: "never" }), LongshoreError);
  assert.equal(sent, 6, "an hour is not waited for");
});

test("waiting ends at its timeout", async () => {
  const { id } = await longshore.enqueue({ ...later(0), group: null });
  await assert.rejects(longshore.wait(id, { timeoutSeconds: 1 }), { name: "TimeoutError" });
});

test("a group is waited for", async () => {
  const receiver = await serve(() => new Response());
  await endpoint("grouped", receiver.url);
  const job = { kind: "webhook", endpoint: "grouped", payload: { body: 1 }, group: "pair" } as const;
  await longshore.enqueue(job);
  await longshore.enqueue(job);
  const { total, succeeded, open } = await longshore.waitGroup("pair");
  assert.deepEqual([total, succeeded, open], [2, 2, 0]);
  const closed = await longshore.closeGroup("pair", { onFinished: "grouped" });
  assert.deepEqual([closed.finished, closed.on_finished?.endpoint], [true, "grouped"]);
  assert.equal((await longshore.wait(closed.on_finished?.job ?? "")).state, "succeeded");
  await longshore.enqueue({ ...later(0), group: "pair" });
  await assert.rejects(longshore.waitGroup("pair", { timeoutSeconds: 1 }), {
    name: "TimeoutError",
    message: "pair still has open jobs (1) after 1 s.",
  });
});

test("a task is handled: its result, a snooze, a deferred completion, a failure", async (t) => {
  t.mock.method(console, "error", () => {});
  const tasks: Task[] = [];
  const handle = async (task: Task) => {
    tasks.push(task);
    if (task.kind === "text.count") return { words: task.payload.text.split(" ").length };
    if (task.kind === "report.build") return new Deferred(600);
    if (task.kind === "quota.spend") return task.attempt === 1 ? new Snooze(1) : undefined;
    throw new Error("unknown task");
  };
  let handler = async (_: Request) => new Response();
  const server = await serve((request) => handler(request));
  handler = taskHandler({ secret: await endpoint("tasks", server.url), handle });
  const run = async (kind: `${string}.${string}`, payload: Record<string, unknown>) =>
    (await longshore.enqueue({ kind, endpoint: "tasks", payload, max_attempts: 1 })).id;

  const counted = await longshore.wait(await run("text.count", { text: "three little words" }));
  assert.deepEqual([counted.state, counted.result], ["succeeded", { words: 3 }]);
  const [task] = tasks as [Task];
  assert.deepEqual([task.job, task.kind, task.attempt], [counted.id, "text.count", 1]);
  assert.ok(Math.abs(task.deadline.getTime() - Date.now()) < 60_000, `${task.deadline}`);

  const snoozed = await longshore.wait(await run("quota.spend", {}));
  assert.deepEqual([snoozed.state, snoozed.attempts, snoozed.result], ["succeeded", 2, null]);

  const id = await run("report.build", {});
  await eventually(async () => {
    const { data } = await longshore.raw.GET("/v1/jobs/{id}", { params: { path: { id } } });
    return data?.completion_due_at ?? undefined;
  });
  const body = { result: { pages: 3 }, attempt: 1 };
  const completed = await longshore.raw.POST("/v1/jobs/{id}/complete", { params: { path: { id } }, body });
  assert.deepEqual(completed.data?.result, { pages: 3 }, JSON.stringify(completed.error));

  const failed = await longshore.wait(await run("no.such", {}));
  assert.deepEqual([failed.state, failed.error?.class], ["dead", "http_5xx"]);

  const { headers, body: sent } = server.received[0]!;
  const signed = Object.entries(headers).filter(([name]) => /^(webhook|longshore)-/.test(name)) as [string, string][];
  const statuses = [sent.toString(), `${sent} `].map((body) =>
    fetch(server.url, { method: "POST", headers: signed, body }),
  );
  assert.deepEqual(
    (await Promise.all(statuses)).map(({ status }) => status),
    [200, 401],
  );
});

test("the example of the README runs", async () => {
  const receiver = await serve(() => new Response());
  await endpoint("orders", receiver.url);
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const folder = new URL("generated/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(
    new URL("readme.ts", folder),
    `// The example of the README.\n${readme.split("```ts\n")[1]?.split("```")[0]}`,
  );
  const { receive, serve: serveTasks } = await import(new URL("readme.ts", folder).href);
  const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
  assert.equal(body.toString(), '{"order":1234}');
  const request = new Request(receiver.url, {
    method: "POST",
    headers: headers as Record<string, string>,
    body: new Uint8Array(body),
  });
  await assert.rejects(receive("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", request.clone()), WebhookVerificationError);
  assert.equal((await serveTasks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")(request)).status, 401);
});
