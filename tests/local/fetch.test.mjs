// Tests of `shared/src/cloudflare/fetch.mjs` in Node, with scripted receivers. The ring on workerd tests the same calls on
// the real platform.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { send } from "../../shared/src/cloudflare/fetch.mjs";

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

/** Sends a request and reads the frame, as Rust does. */
async function call(request) {
  const { env = {}, binding, model, method = "GET", to = url, headers = [], body = "", ms = 5_000, cap = 100 } = request;
  const frame = await send(env, binding, model, method, to, JSON.stringify(headers), bytes(body), ms, cap);
  const length = new DataView(frame.buffer).getUint32(0, true);
  const text = (part) => new TextDecoder().decode(part);
  return { head: JSON.parse(text(frame.subarray(4, 4 + length))), body: text(frame.subarray(4 + length)) };
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

test("an interrupted body keeps its status and the bytes before", async () => {
  const { head, body } = await call({ to: `${url}/interrupted` });
  assert.deepEqual([head.response.status, body], [200, "first"]);
  assert.equal(typeof head.response.body_error, "string");
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
    HANDLER: { fetch: async (request) => new Response(`${request.url} ${request.method}`) },
    AI: { run: async (model, inputs, options) => Response.json({ model, inputs, raw: options.returnRawResponse }) },
  };
  assert.equal((await call({ env, binding: "HANDLER", to: "https://a/b" })).body, "https://a/b GET");
  const answer = await call({ env, binding: "AI", model: "@cf/x", method: "POST", body: '{"text":["a"]}' });
  assert.deepEqual(JSON.parse(answer.body), { model: "@cf/x", inputs: { text: ["a"] }, raw: true });
});
