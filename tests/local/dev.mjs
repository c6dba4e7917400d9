// What `make dev` runs beside the Workers: a receiver of webhooks, and a session to paste into a shell.
import { createServer } from "node:http";
import { RunnerError } from "./error.mjs";

/** How `make dev` runs both Workers. The keys are public, for runs on this machine only. */
export const devArguments = [
  ...["--port", "8787", "--persist", ".longshore/dev", "--plan", "paid", "--tick", "20"],
  ...["--var", "ENV=dev", "--var", "SWEEP_ONCE=true", "--var", "PRIVATE_DESTINATIONS=127.0.0.1:*"],
  ...["--var", "MASTER_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"],
  ...["--var", "ROOT_TOKEN=longshore-local-root-token-not-a-secret"],
];

/** Starts a receiver on loopback. It prints a line for each webhook and answers 200, or NNN at the path /status/NNN. */
export async function startReceiver(port) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const status = Number(/^\/status\/([2-5]\d\d)\b/.exec(request.url)?.[1] ?? 200);
    response.writeHead(status).end();
    const id = request.headers["webhook-id"] ?? "without webhook-id";
    // As JSON: a body with control characters must not drive the terminal.
    const body = JSON.stringify(Buffer.concat(chunks).toString("utf8"));
    process.stdout.write(`received ${request.method} ${request.url} ${id} ${body} -> ${status}\n`);
  });
  const inUse = new RunnerError(`Port ${port} is in use. Is another \`make dev\` running?`);
  await new Promise((resolve, reject) => {
    server.once("error", (error) => reject(error.code === "EADDRINUSE" ? inUse : error));
    server.listen(port, "127.0.0.1", resolve);
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Creates a key for tenant `dev` with all permissions. */
async function makeKey(url, rootToken) {
  const response = await fetch(`${url}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${rootToken}`, "content-type": "application/json" },
    body: JSON.stringify({ tenant: "dev", scopes: ["admin"], name: "make dev" }),
  });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(`the key could not be created: ${JSON.stringify(answer)}`);
  return answer.key;
}

/** The session creates an endpoint and a job, and reads its result. It contains no comments: zsh would run them. */
function session({ url, key, receiver }) {
  return `export LONGSHORE_URL=${url} LONGSHORE_KEY=${key}

curl -sS -X PUT "$LONGSHORE_URL/v1/endpoints/hello" -H "Authorization: Bearer $LONGSHORE_KEY" \\
  -H 'Content-Type: application/json' -d '{"url": "${receiver}/hello", "schedule": "fast"}'; echo

JOB=$(curl -sS "$LONGSHORE_URL/v1/jobs" -H "Authorization: Bearer $LONGSHORE_KEY" \\
  -H 'Content-Type: application/json' -H "Idempotency-Key: order-$(date +%s)" \\
  -d '{"kind": "webhook", "endpoint": "hello", "payload": {"body": {"order": 1}}}' \\
  | sed -E 's/.*"id":"([^"]+)".*/\\1/'); echo "$JOB"

curl -sS "$LONGSHORE_URL/v1/jobs/$JOB?wait=30" -H "Authorization: Bearer $LONGSHORE_KEY"; echo
curl -sS "$LONGSHORE_URL/v1/jobs/$JOB/attempts" -H "Authorization: Bearer $LONGSHORE_KEY"; echo
curl -sS "$LONGSHORE_URL/v1/jobs/$JOB/attempts/1/evidence" -H "Authorization: Bearer $LONGSHORE_KEY"; echo
`;
}

/** Prints the addresses, and the session to paste. */
export async function announceToPeople({ url, control, receiver, tickSeconds, vars }) {
  const crons = tickSeconds ? `each ${tickSeconds} s` : "only on request";
  const key = vars.ROOT_TOKEN && (await makeKey(url, vars.ROOT_TOKEN));
  process.stdout.write(`
Longshore runs at ${url}  (crons run ${crons}; control server ${control}; Ctrl-C ends it)
A receiver answers 200 at ${receiver}, or 500 at ${receiver}/status/500, and prints each request.

${key ? `Paste this into another shell:\n\n${session({ url, key, receiver })}` : "No key was created: start with --var ROOT_TOKEN=... to get one."}
`);
}
