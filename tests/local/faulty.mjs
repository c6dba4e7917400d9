// The main module of both Workers when faults can be injected: the real Worker, with bindings that fail on demand.
//
// Each wrapped call first requests its fault from the runner (faults.mjs), so a test can change it during a run.
import { env } from "cloudflare:workers";
import Worker from "./index.js";

const databases = ["DB", "INDEX_DB"];
const sends = ["send", "sendBatch"];
const wrapped = {
  DB: ["batch"],
  INDEX_DB: ["batch"],
  EVIDENCE: ["put", "get", "list", "delete"],
  HINTS: sends,
  EXPRESS_HINTS: sends,
};
// Longer than all timeouts of Longshore. A timer is needed: workerd cancels a request whose promises wait for nothing.
const hangMs = 600_000;

let panicsNext = false;

export default class Faulty extends Worker {
  constructor(context, env) {
    super(context, withFaults(env));
  }
}

// The producer has no queue.
if (Worker.prototype.queue) {
  Faulty.prototype.queue = async function (batch) {
    const deliver = Worker.prototype.queue;
    const { mode } = await requestFault({ call: "queue" });
    const reports = [];
    const reported = reportingRetries(batch, reports);
    if (mode !== "twice") await deliver.call(this, reported);
    else await Promise.all([deliver.call(this, reported), deliver.call(this, copyOf(batch))]);
    await Promise.all(reports);
  };
}

// Random bits are drawn synchronously, so their fault is requested before the request is handled.
const draw = crypto.getRandomValues;
let hasRandomness = true;
Object.defineProperty(crypto, "getRandomValues", {
  value(bytes) {
    if (!hasRandomness) throw new Error("no random bits, by injected fault");
    return draw.call(crypto, bytes);
  },
});
if (Worker.prototype.fetch) {
  Faulty.prototype.fetch = async function (request) {
    hasRandomness = (await requestFault({ call: "random" })).mode === "ok";
    return Worker.prototype.fetch.call(this, request);
  };
}

// Requests to destinations; the wasm uses the global `fetch`.
const send = globalThis.fetch;
globalThis.fetch = (...parameters) => callWithFault({ call: "fetch" }, () => send(...parameters));

/** Returns the same batch; each retry of a message is reported to the runner. */
function reportingRetries(batch, reports) {
  const reporting = (message) => ({
    id: message.id,
    timestamp: message.timestamp,
    body: message.body,
    attempts: message.attempts,
    ack: () => message.ack(),
    retry(options) {
      reports.push(requestFault({ call: "queue.retry" }));
      message.retry(options);
    },
  });
  return {
    queue: batch.queue,
    messages: batch.messages.map(reporting),
    ackAll: () => batch.ackAll(),
    retryAll: (options) => batch.retryAll(options),
  };
}

/** Returns a copy of the batch whose acks and retries have no effect: the queue accepts those of one delivery only. */
function copyOf(batch) {
  const inert = { ack() {}, retry() {} };
  const copy = ({ id, timestamp, body, attempts }) => ({ id, timestamp, body, attempts, ...inert });
  return { queue: batch.queue, messages: batch.messages.map(copy), ackAll() {}, retryAll() {} };
}

function withFaults(env) {
  const result = { ...env };
  // A Worker of an older version may lack one.
  const present = Object.entries(wrapped).filter(([name]) => env[name]);
  for (const [name, methods] of present) result[name] = wrap(env, name, methods);
  return result;
}

/** Wraps a binding in a proxy, which keeps its other properties: workers-rs checks `constructor.name`. */
function wrap(env, name, methods) {
  return new Proxy(env[name], {
    get(binding, property) {
      const value = Reflect.get(binding, property, binding);
      if (typeof value !== "function" || property === "constructor") return value;
      if (databases.includes(name) && property === "prepare") return (sql) => prepare(binding, sql);
      if (!methods.includes(property)) return value.bind(binding);
      return (...parameters) => {
        const sql = databases.includes(name) ? parameters[0].map(({ statement }) => statement) : undefined;
        return callWithFault({ call: `${name}.${property}`, sql }, () => value.apply(binding, parameters));
      };
    },
  });
}

/** Prepares a statement. workers-rs unwraps the result, so an exception is a panic in the wasm, which ends the instance. */
function prepare(database, sql) {
  if (panicsNext) {
    panicsNext = false;
    throw new Error("a panic was injected");
  }
  return database.prepare(sql);
}

async function requestFault(question) {
  const response = await env.FAULTS.fetch("http://faults/", { method: "POST", body: JSON.stringify(question) });
  return response.json();
}

/** Makes a call with the fault that the runner returns. Errors have a cause, like those of D1: workers-rs shows it. */
async function callWithFault(question, call) {
  const { mode, stalled, error } = await requestFault(question);
  const fail = () => {
    throw new Error(error, { cause: new Error(error) });
  };
  if (mode === "panic") panicsNext = true;
  if (stalled) await requestFault({ stalled });
  if (mode === "drop") return undefined;
  if (mode === "hang") await sleep(hangMs);
  if (mode === "fail" || mode === "hang") fail();
  const answer = await call();
  if (mode === "lose") fail();
  if (mode === "die") {
    // The process is killed after this call, before its answer is returned.
    await requestFault({ died: question.call });
    await sleep(hangMs);
  }
  return answer;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
