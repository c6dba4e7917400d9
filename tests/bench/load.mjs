// A load generator that takes little of the machine: raw connections that are kept, with one request at a time on each.
import net from "node:net";

/** Returns the body of a whole response, or undefined. */
function bodyOf(text) {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end));
  const body = text.slice(end + 4);
  if (length) return body.length < Number(length[1]) ? undefined : body;
  return body.endsWith("0\r\n\r\n") ? body.slice(body.indexOf("\r\n") + 2, body.lastIndexOf("\r\n0\r\n\r\n")) : undefined;
}

/** Opens a connection: `request(method, path, headers, body)` resolves to `{status, body}`. */
export function connect(port) {
  const socket = net.connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
  let text = "";
  let settle = { resolve() {}, reject() {} };
  socket.on("error", (error) => settle.reject(error)).on("close", () => settle.reject(new Error("the connection closed")));
  socket.on("data", (data) => {
    text += data;
    const body = bodyOf(text);
    if (body === undefined) return;
    const status = Number(text.slice(9, 12));
    text = "";
    settle.resolve({ status, body });
  });
  const request = (method, path, headers = {}, body = "") =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      const lines = Object.entries({ ...headers, Host: `127.0.0.1:${port}`, "Content-Length": Buffer.byteLength(body) });
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      socket.write(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`);
    });
  return { request, close: () => socket.destroy() };
}

/** Sends one GET and parses its JSON. */
export async function getJson(port, path) {
  const connection = connect(port);
  const { body } = await connection.request("GET", path);
  connection.close();
  return JSON.parse(body);
}

/** Returns the value below which `share` of the sorted values are. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Posts all requests `[path, headers, body]` on a number of connections; returns the seconds and the sorted ms of each. */
export async function postAll(port, requests, connections) {
  const times = [];
  const waiting = [...requests].reverse();
  const began = performance.now();
  const run = async () => {
    const connection = connect(port);
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [path, headers, body] = next;
      const at = performance.now();
      const answer = await connection.request("POST", path, headers, body);
      times.push(performance.now() - at);
      if (answer.status >= 300) throw new Error(`POST ${path} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: Math.min(connections, requests.length) }, run));
  return { seconds: (performance.now() - began) / 1_000, times: times.sort((a, b) => a - b) };
}
