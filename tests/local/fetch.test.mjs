// Tests of `shared/src/cloudflare/fetch.mjs` in Node, with scripted receivers. The ring on workerd tests the same calls on
// the real platform.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Sender } from "../../shared/src/cloudflare/fetch.mjs";

let server;
let url;

before(async () => {
  server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/never") return;
      if (request.url === "/interrupted") {
        response.writeHead(200, { "content-length": "100" });
        response.write("first");
        setTimeout(() => response.destroy(), 50);
        return;
      }
      if (request.url === "/announced") {
        response.writeHead(200, { "content-length": "9" });
        response.write("first");
        setTimeout(() => response.end("last"), 50);
        return;
      }
      if (request.url === "/moved") response.writeHead(302, { location: "/" });
      else response.writeHead(201, { "x-method": request.method, "x-header": request.headers["x-name"] ?? "" });
      response.end(Buffer.concat(chunks));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.closeAllConnections() ?? server.close());

const bytes = (text) => new TextEncoder().encode(text);

/** Sends a request with a sender. */
function call(request) {
  const { env = {}, binding, model, method = "GET", to = url, headers = [], body = "", ms = 5_000, cap = 100 } = request;
  return new Promise((resolve) => {
    const answer = (id, head, body) => resolve({ id, head: JSON.parse(head), body: new TextDecoder().decode(body) });
    new Sender(env, answer).send(7, binding, model, method, to, JSON.stringify(headers), bytes(body), ms, cap);
  });
}

test("a request is sent whole, and its response is returned whole", async () => {
  const { head, body } = await call({ method: "PUT", to: `${url}/a`, headers: [["x-name", "value"]], body: "hello" });
  const { headers, ...rest } = head.response;
  assert.deepEqual([rest, body], [{ status: 201, truncated: false, body_error: null, late: false }, "hello"]);
  const received = new Map(headers);
  assert.deepEqual([received.get("x-method"), received.get("x-header")], ["PUT", "value"]);
});

test("a redirect is not followed, and a body is read up to the limit", async () => {
  assert.equal((await call({ to: `${url}/moved` })).head.response.status, 302);
  const exact = await call({ method: "POST", body: "12345", cap: 5 });
  assert.deepEqual([exact.head.response.truncated, exact.body], [false, "12345"]);
  const long = await call({ method: "POST", body: "123456", cap: 5 });
  assert.deepEqual([long.head.response.truncated, long.body], [true, "12345"]);
});

test("a body of an announced length is read to its end, in several parts", async () => {
  const { head, body } = await call({ to: `${url}/announced` });
  assert.deepEqual([head.response.truncated, head.response.body_error, body], [false, null, "firstlast"]);
});

test("an interrupted body keeps its status and the bytes before", async () => {
  const { head, body } = await call({ to: `${url}/interrupted` });
  assert.deepEqual([head.response.status, body], [200, "first"]);
  assert.equal(typeof head.response.body_error, "string");
});

test("each request of a sender has its own deadline and one answer", async () => {
  const answers = [];
  let ended;
  const all = new Promise((resolve) => (ended = resolve));
  const sender = new Sender({}, (id, head) => answers.push([id, JSON.parse(head)]) === 4 && ended());
  const send = (id, to, ms) => sender.send(id, undefined, undefined, "GET", to, "[]", bytes(""), ms, 100);
  const began = Date.now();
  send(1, `${url}/never`, 400);
  send(2, `${url}/never`, 100);
  send(3, url, 5_000);
  send(4, `${url}/never`, 250);
  await all;
  const took = Date.now() - began;
  assert.deepEqual(answers.map(([id]) => id), [3, 2, 4, 1]);
  assert.deepEqual(answers.slice(1).map(([, head]) => head.failed[1]), [true, true, true]);
  assert.ok(took >= 390 && took < 2_000, `${took} ms`);
});

test("a closed sender answers no more", async () => {
  const answers = [];
  const sender = new Sender({}, (...answer) => answers.push(answer));
  sender.send(1, undefined, undefined, "GET", `${url}/never`, "[]", bytes(""), 50, 100);
  sender.close();
  assert.equal((await call({ to: `${url}/never`, ms: 150 })).head.failed[1], true);
  assert.deepEqual(answers, []);
});

test("errors are returned by kind", async () => {
  assert.equal((await call({ to: `${url}/never`, ms: 50 })).head.failed[1], true);
  const [message, late] = (await call({ to: "http://127.0.0.1:1/" })).head.failed;
  assert.deepEqual([typeof message, late], ["string", false]);
  const wrongHeaders = [["bad name", "value"], ["x", "a\nb"], ["x", "a\u0000"]].map((header) => ({ headers: [header] }));
  for (const wrong of [...wrongHeaders, { to: "http://[" }]) {
    assert.equal(typeof (await call(wrong)).head.unsendable, "string", JSON.stringify(wrong));
  }
});

test("a binding that is missing or of another kind is reported", async () => {
  for (const env of [{}, { HANDLER: "a variable" }, { HANDLER: { get() {} } }]) {
    assert.equal((await call({ env, binding: "HANDLER" })).head, "missing");
  }
  assert.equal((await call({ env: { AI: {} }, binding: "AI", model: "@cf/x", method: "POST" })).head, "missing");
});

test("a service binding and a model get the request", async () => {
  const env = {
    HANDLER: { fetch: async (url, { method }) => new Response(`${url} ${method}`) },
    AI: { run: async (model, inputs, options) => Response.json({ model, inputs, raw: options.returnRawResponse }) },
  };
  assert.equal((await call({ env, binding: "HANDLER", to: "https://a/b" })).body, "https://a/b GET");
  const answer = await call({ env, binding: "AI", model: "@cf/x", method: "POST", body: '{"text":["a"]}' });
  assert.deepEqual(JSON.parse(answer.body), { model: "@cf/x", inputs: { text: ["a"] }, raw: true });
});
