// Tests of `shared/src/cloudflare/glue.js` in Node, with scripted receivers. The ring on workerd
// tests the same calls on the real platform.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { send } from "../../shared/src/cloudflare/glue.js";

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

/** Reads a frame, as Rust does. */
function read(frame) {
  const length = new DataView(frame.buffer).getUint32(0, true);
  const text = (bytes) => new TextDecoder().decode(bytes);
  return { head: JSON.parse(text(frame.subarray(4, 4 + length))), body: text(frame.subarray(4 + length)) };
}

const none = new Uint8Array();
const bytes = (text) => new TextEncoder().encode(text);

test("a request is sent whole, and its response is returned whole", async () => {
  const { head, body } = read(await send({}, undefined, undefined, "PUT", `${url}/a`, '[["x-name","value"]]', bytes("hello"), 5_000, 100));
  assert.deepEqual([head.status, head.truncated, head.body_error, head.late, body], [201, false, null, false, "hello"]);
  const headers = new Map(head.headers);
  assert.deepEqual([headers.get("x-method"), headers.get("x-header")], ["PUT", "value"]);
});

test("a redirect is not followed, and a body is read up to the limit", async () => {
  const moved = read(await send({}, undefined, undefined, "GET", `${url}/moved`, "[]", none, 5_000, 100));
  assert.equal(moved.head.status, 302);
  const exact = read(await send({}, undefined, undefined, "POST", url, "[]", bytes("12345"), 5_000, 5));
  assert.deepEqual([exact.head.truncated, exact.body], [false, "12345"]);
  const long = read(await send({}, undefined, undefined, "POST", url, "[]", bytes("123456"), 5_000, 5));
  assert.deepEqual([long.head.truncated, long.body], [true, "12345"]);
});

test("an interrupted body keeps its status and the bytes before", async () => {
  const { head, body } = read(await send({}, undefined, undefined, "GET", `${url}/interrupted`, "[]", none, 5_000, 1_000));
  assert.deepEqual([head.status, body], [200, "first"]);
  assert.equal(typeof head.body_error, "string");
});

test("errors are returned by kind", async () => {
  const late = read(await send({}, undefined, undefined, "GET", `${url}/never`, "[]", none, 50, 10));
  assert.equal(late.head.late, true);
  const refused = read(await send({}, undefined, undefined, "GET", "http://127.0.0.1:1/", "[]", none, 5_000, 10));
  assert.deepEqual([typeof refused.head.failed, refused.head.late], ["string", false]);
  const unsendable = read(await send({}, undefined, undefined, "GET", url, '[["bad name","value"]]', none, 5_000, 10));
  assert.equal(typeof unsendable.head.unsendable, "string");
  for (const headers of ['[["x","a\\nb"]]', '[["x","a\\u0000"]]']) {
    assert.equal(typeof read(await send({}, undefined, undefined, "GET", url, headers, none, 5_000, 10)).head.unsendable, "string");
  }
  const unknown = read(await send({}, undefined, undefined, "GET", "http://[", "[]", none, 5_000, 10));
  assert.equal(typeof unknown.head.unsendable, "string");
});

test("a binding that is missing or of another kind is reported", async () => {
  for (const env of [{}, { HANDLER: "a variable" }, { HANDLER: { get() {} } }]) {
    const { head } = read(await send(env, "HANDLER", undefined, "GET", url, "[]", none, 5_000, 10));
    assert.deepEqual(head, { missing: true });
  }
  const { head } = read(await send({ AI: {} }, "AI", "@cf/x", "POST", "https://ai/", "[]", none, 5_000, 10));
  assert.deepEqual(head, { missing: true });
});

test("a service binding and a model get the request", async () => {
  const env = {
    HANDLER: { fetch: async (request) => new Response(`${request.url} ${request.method}`) },
    AI: { run: async (model, inputs, options) => Response.json({ model, inputs, raw: options.returnRawResponse }) },
  };
  assert.equal(read(await send(env, "HANDLER", undefined, "GET", "https://a/b", "[]", none, 5_000, 100)).body, "https://a/b GET");
  const asked = read(await send(env, "AI", "@cf/x", "POST", "https://ai/", "[]", bytes('{"text":["a"]}'), 5_000, 200));
  assert.deepEqual(JSON.parse(asked.body), { model: "@cf/x", inputs: { text: ["a"] }, raw: true });
});
