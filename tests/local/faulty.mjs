// The main module of both Workers when faults can be injected: the real Worker, with bindings that fail on demand.
//
// Each wrapped call first asks the runner what to suffer (faults.mjs), so a test can change it while Workers run.
import { env } from "cloudflare:workers";
import Worker from "./index.js";

const databases = ["DB", "INDEX_DB"];
const wrapped = { DB: ["batch"], INDEX_DB: ["batch"], EVIDENCE: ["put", "get", "list", "delete"], HINTS: ["send", "sendBatch"] };
// Far beyond every deadline of ours, yet a timer: workerd cancels a request whose promises wait for nothing.
const hangMs = 600_000;

let panicsNext = false;

export default class Faulty extends Worker {
  constructor(context, env) {
    super(context, breakable(env));
  }
}

// Only where it is: the producer has no queue.
if (Worker.prototype.queue) {
  Faulty.prototype.queue = async function (batch) {
    const deliver = Worker.prototype.queue;
    const { mode } = await ask({ call: "queue" });
    const told = [];
    const heard = overheard(batch, told);
    if (mode !== "twice") await deliver.call(this, heard);
    else await Promise.all([deliver.call(this, heard), deliver.call(this, copyOf(batch))]);
    await Promise.all(told);
  };
}

// Random bits are drawn without waiting, so whether there are any is asked before the request.
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
    hasRandomness = (await ask({ call: "random" })).mode === "ok";
    return Worker.prototype.fetch.call(this, request);
  };
}

// What leaves for a destination; the wasm finds it where it finds everything global.
const send = globalThis.fetch;
globalThis.fetch = (...parameters) => suffer({ call: "fetch" }, () => send(...parameters));

/** The same messages, and the runner is told which are asked for again. */
function overheard(batch, told) {
  const overhear = (message) => ({
    id: message.id,
    timestamp: message.timestamp,
    body: message.body,
    attempts: message.attempts,
    ack: () => message.ack(),
    retry(options) {
      told.push(ask({ call: "queue.retry" }));
      message.retry(options);
    },
  });
  return {
    queue: batch.queue,
    messages: batch.messages.map(overhear),
    ackAll: () => batch.ackAll(),
    retryAll: (options) => batch.retryAll(options),
  };
}

/** The same messages with marks of their own, which nobody hears: the queue listens to one delivery. */
function copyOf(batch) {
  const deaf = { ack() {}, retry() {} };
  const copy = ({ id, timestamp, body, attempts }) => ({ id, timestamp, body, attempts, ...deaf });
  return { queue: batch.queue, messages: batch.messages.map(copy), ackAll() {}, retryAll() {} };
}

function breakable(env) {
  const result = { ...env };
  // A Worker of before may lack one.
  const there = Object.entries(wrapped).filter(([name]) => env[name]);
  for (const [name, methods] of there) result[name] = wrap(env, name, methods);
  return result;
}

/** A proxy, so that everything else about the binding stays true: workers-rs looks at `constructor.name`. */
function wrap(env, name, methods) {
  return new Proxy(env[name], {
    get(binding, property) {
      const value = Reflect.get(binding, property, binding);
      if (typeof value !== "function" || property === "constructor") return value;
      if (databases.includes(name) && property === "prepare") return (sql) => prepare(binding, sql);
      if (!methods.includes(property)) return value.bind(binding);
      return (...parameters) => {
        const sql = databases.includes(name) ? parameters[0].map(({ statement }) => statement) : undefined;
        return suffer({ call: `${name}.${property}`, sql }, () => value.apply(binding, parameters));
      };
    },
  });
}

/** workers-rs unwraps what this answers: an exception is a panic inside the wasm, which ends the instance. */
function prepare(database, sql) {
  if (panicsNext) {
    panicsNext = false;
    throw new Error("a panic was injected");
  }
  return database.prepare(sql);
}

async function ask(question) {
  const response = await env.FAULTS.fetch("http://faults/", { method: "POST", body: JSON.stringify(question) });
  return response.json();
}

/** Makes a call as the runner says. An error is made as D1 makes its own: workers-rs shows the cause. */
async function suffer(question, call) {
  const { mode, stalled, error } = await ask(question);
  const fail = () => {
    throw new Error(error, { cause: new Error(error) });
  };
  if (mode === "panic") panicsNext = true;
  if (stalled) await ask({ stalled });
  if (mode === "drop") return undefined;
  if (mode === "hang") await sleep(hangMs);
  if (mode === "fail" || mode === "hang") fail();
  const answer = await call();
  if (mode === "lose") fail();
  if (mode === "die") {
    // The process is killed with this call done and its answer unheard.
    await ask({ died: question.call });
    await sleep(hangMs);
  }
  return answer;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
