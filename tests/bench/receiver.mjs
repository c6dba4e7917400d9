// The receiver of all contenders, on raw sockets so that it takes little of the machine: answers 200 "ok" to each POST after a
// delay, and counts the ids in their bodies.
//
//   node receiver.mjs   prints its port. GET /counts returns {requests, distinct, last_at}, GET /times the time of each id,
//                       GET /reset?delay=MS starts again.
import net from "node:net";

/** Ids whose times are kept. */
const TIMES_MAX = 1_000;

let delayMs = 0;
let requests = 0;
let lastAt = 0;
let times = new Map();

function response(body) {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  return `${head}\r\n\r\n${body}`;
}

const OK = response('"ok"');

function count(body) {
  requests += 1;
  lastAt = Date.now();
  const [, id = ""] = /"id":"([^"]+)"/.exec(body) ?? [];
  if (!times.has(id)) times.set(id, lastAt);
}

function control(target) {
  const { pathname, searchParams } = new URL(target, "http://receiver");
  if (pathname === "/reset") {
    delayMs = Number(searchParams.get("delay") ?? 0);
    [requests, lastAt, times] = [0, 0, new Map()];
  }
  if (pathname === "/times") return response(JSON.stringify(Object.fromEntries([...times].slice(0, TIMES_MAX))));
  return response(JSON.stringify({ requests, distinct: times.size, last_at: lastAt }));
}

/** Splits the first whole request from a buffer of latin1 text; undefined if it is not whole. */
function takeRequest(buffer) {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [head, from] = [buffer.slice(0, end), end + 4];
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length) {
    const to = from + Number(length[1]);
    return buffer.length < to ? undefined : { head, body: buffer.slice(from, to), rest: buffer.slice(to) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { head, body: "", rest: buffer.slice(from) };
  const last = buffer.indexOf("0\r\n\r\n", from);
  return last < 0 ? undefined : { head, body: buffer.slice(from, last), rest: buffer.slice(last + 5) };
}

const server = net.createServer((socket) => {
  let buffer = "";
  socket.setNoDelay(true).setEncoding("latin1").on("error", () => {});
  socket.on("data", (data) => {
    buffer += data;
    for (let request = takeRequest(buffer); request; request = takeRequest(buffer)) {
      buffer = request.rest;
      const [method, target] = request.head.split(" ", 2);
      if (method === "GET") socket.write(control(target));
      else {
        count(request.body);
        if (delayMs === 0) socket.write(OK);
        else setTimeout(() => socket.write(OK), delayMs);
      }
    }
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.stdin.on("end", () => process.exit(0)).resume();
