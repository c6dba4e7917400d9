// How each contender is started, asked and measured. All processes are ours and end by their pid.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { connect } from "./load.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
export const rootToken = "longshore-bench-root-token-not-a-secret";
const json = { "Content-Type": "application/json" };

/** Starts a script and waits for its first line. */
export async function start(script, args, log) {
  const child = spawn(process.execPath, [path.join(here, script), ...args], { stdio: ["pipe", "pipe", log] });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const line = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    gone.then((code) => reject(new Error(`${script} ${args.join(" ")} ended with ${code}; see its log`)));
  });
  const stop = () => {
    child.stdin.end();
    return gone;
  };
  return { line, stop };
}

/** Returns the seconds of CPU that a process has used. */
function cpuSeconds(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Returns the MB of memory that a process holds now. */
function memoryMb(pid) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1_024);
}

function job(id) {
  return { id, hello: "world", pad: "x".repeat(200) };
}

/** Starts the process and returns what all contenders have. */
async function started(script, args, log) {
  const { line, stop } = await start(script, args, log);
  const ready = JSON.parse(line);
  const port = Number(new URL(ready.url).port);
  const connection = connect(port);
  const began = performance.now();
  await connection.request("GET", "/healthz");
  const firstRequestMs = performance.now() - began;
  connection.close();
  const pid = ready.workerd_pid;
  return { port, stop, firstRequestMs, cpu: () => cpuSeconds(pid), memory: () => memoryMb(pid) };
}

async function handWritten(name, { state, destination, log }) {
  const base = await started("worker.mjs", [name, state, destination], log);
  const post = (ids) => ["/", json, JSON.stringify(ids.map(job))];
  return { ...base, single: (id) => post([id]), bulk: post };
}

/** Returns the arguments of the local runner: both Workers as `make dev` runs them, with a tick of so many seconds. */
export function workersArguments(state, tick) {
  const vars = [
    "SWEEP_ONCE=true", "PRIVATE_DESTINATIONS=127.0.0.1:*", `ROOT_TOKEN=${rootToken}`, `MASTER_KEY=${"5a".repeat(32)}`,
  ];
  return ["--persist", state, "--plan", "paid", "--tick", String(tick), ...vars.flatMap((value) => ["--var", value])];
}

/** Longshore with idempotency keys, evidence and signatures, to one endpoint. */
async function longshore(connections, { state, destination, log }) {
  const base = await started("../local/run.mjs", workersArguments(state, 20), log);
  const client = connect(base.port);
  const key = { tenant: "bench", scopes: ["admin"], name: "bench" };
  const made = await client.request("POST", "/v1/keys", { ...json, Authorization: `Bearer ${rootToken}` }, JSON.stringify(key));
  const headers = { ...json, Authorization: `Bearer ${JSON.parse(made.body).key}` };
  await client.request("PUT", "/v1/endpoints/bench", headers, JSON.stringify({ url: destination, connections }));
  client.close();
  const webhook = (id) => ({ kind: "webhook", endpoint: "bench", payload: { body: job(id) } });
  return {
    ...base,
    single: (id) => ["/v1/jobs", { ...headers, "Idempotency-Key": id }, JSON.stringify(webhook(id))],
    bulk: (ids) => {
      const jobs = ids.map((id) => ({ ...webhook(id), idempotency_key: id }));
      return ["/v1/jobs/batch", headers, JSON.stringify({ jobs })];
    },
  };
}

/** All contenders by name. Those that are slow run fewer jobs. */
export const contenders = {
  bare: { start: (place) => handWritten("bare", place) },
  "by hand": { start: (place) => handWritten("by_hand", place), slow: true },
  "set-based": { start: (place) => handWritten("set_based", place) },
  "Longshore, 2 connections": { start: (place) => longshore(2, place) },
  "Longshore, 5 connections": { start: (place) => longshore(5, place) },
};
