// Shared by the tests: a client of the running Longshore, and servers on this machine that it calls.
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";
import { Longshore } from "longshore";

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: the tests need a running Longshore`);
  return value;
}

export const options = { url: setting("LONGSHORE_URL"), key: setting("LONGSHORE_KEY") };
export const longshore = new Longshore(options);

/** A received request. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Serves a handler of the fetch API and records the received requests. */
export async function serve(handler: (request: Request) => Response | Promise<Response>) {
  const received: Received[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece);
    const body = Buffer.concat(pieces);
    received.push({ headers: incoming.headers, body });
    const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const response = await handler(
      new Request("http://localhost/", { method: "POST", headers, body: new Uint8Array(body) }),
    );
    outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received };
}

/** Creates an endpoint with this URL and returns its secret. */
export async function endpoint(id: string, url: string): Promise<string> {
  const params = { path: { id } };
  const put = await longshore.raw.PUT("/v1/endpoints/{id}", { params, body: { url, schedule: "fast" } });
  assert.equal(put.data?.url, url, JSON.stringify(put.error));
  const { data } = await longshore.raw.GET("/v1/endpoints/{id}/secret", { params });
  assert.ok(data);
  return data.secret;
}

/** Polls until there is a result, for at most two minutes. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 120_000;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, "not within two minutes");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
