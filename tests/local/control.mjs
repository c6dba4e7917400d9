// The control server of a local run: loopback only, JSON in and out. Tests use it to run crons, read stores and inject
// faults; no deployment contains it.
import { createServer } from "node:http";
import { names } from "./workers.mjs";

const cron = "* * * * *";

/** Sends a request to the bridge Worker. It is looked up each time: after a crash of workerd the old handle is dead. */
export async function askBridge(miniflare, url, body) {
  const bridge = await miniflare.getWorker(names.bridge);
  const request = body === undefined ? undefined : { method: "POST", body: JSON.stringify(body) };
  return bridge.fetch(new URL(url, "http://bridge"), request);
}

/** Runs the scheduled handler of a Worker to its end. */
export async function tick(miniflare, worker) {
  return (await miniflare.getWorker(names[worker])).scheduled({ cron });
}

/** Returns the faults of this run. Throws in a run without --faults. */
function needed(faults) {
  if (!faults) throw new Error("start the runner with --faults");
  return faults;
}

/** Starts the server and returns it, listening. `faults` is undefined in a run without them. */
export async function startControl({ miniflare, faults, workerdPid, port }) {
  const server = createServer(async (request, response) => {
    try {
      const answer = await route(request, { miniflare, faults, workerdPid });
      const type = answer.headers.get("content-type") ?? "application/octet-stream";
      response.writeHead(answer.status, { "content-type": type });
      response.end(Buffer.from(await answer.arrayBuffer()));
    } catch (error) {
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: String(error?.message ?? error) }));
    }
  });
  // A tick may take as long as the sweep inside it.
  server.requestTimeout = 0;
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return server;
}

async function route(request, { miniflare, faults, workerdPid }) {
  const body = request.method === "POST" ? JSON.parse(await text(request)) : undefined;
  const asked = `${request.method} ${request.url}`;
  if (asked === "POST /tick") {
    if (!(body.worker in names)) return Response.json({ error: `no Worker ${body.worker}` }, { status: 404 });
    return Response.json(await tick(miniflare, body.worker));
  }
  if (asked === "POST /faults") return Response.json(needed(faults).set(body));
  if (asked === "POST /kill-at") {
    return Response.json({ at_ms: await needed(faults).killAt(body.point, body.within_ms) });
  }
  if (asked === "GET /pid") return Response.json({ workerd_pid: workerdPid() });
  const bridged = ["POST /d1", "POST /d1/batches", "POST /queue", "POST /r2/put"];
  if (bridged.includes(asked) || asked.startsWith("GET /r2")) {
    return askBridge(miniflare, request.url, body);
  }
  return Response.json({ error: `nothing at ${asked}` }, { status: 404 });
}

async function text(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
