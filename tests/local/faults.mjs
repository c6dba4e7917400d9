// The faults of a local run: tests set them, and faulty.mjs requests the fault for each call.
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./workers.mjs";

const modes = {
  r2: ["ok", "fail", "hang"],
  hints: ["ok", "drop", "fail", "hang", "spent"],
  random: ["ok", "fail"],
  d1_spent: ["none", "reads", "writes", "all"],
};
const none = {
  r2: "ok",
  hints: "ok",
// Random bits of requests.
  random: "ok",
  // Number of D1 batches in a thousand that fail, and that commit and lose their answer.
  d1_errors_per_mille: 0,
  d1_lost_per_mille: 0,
  // Duration for which D1 does not answer, until it is set again; pending calls run after it.
  d1_stall_ms: 0,
  // The daily rows of D1 that the account has used up.
  d1_spent: "none",
  // Every queue batch is delivered twice, concurrently.
  twice: false,
  // The Worker whose next D1 batch makes its wasm panic, once.
  panic: null,
  seed: 1,
};

// The texts of D1's errors; each says that another try may help.
const d1Errors = [
  "Network connection lost.",
  "D1 DB storage operation exceeded timeout which caused object to be reset.",
  "Internal error while starting up D1 DB storage caused object to be reset.",
  "D1 DB reset because its code was updated.",
  "Cannot resolve D1 DB due to transient issue on remote node.",
  "D1 DB is overloaded. Requests queued for too long.",
];

// The texts of D1 and Queues at the daily limits of the free plan.
const spentRows = (what) =>
  `D1_ERROR: Your account has exceeded D1's free tier daily row ${what} limit. ` +
  "Upgrade to a paid plan or wait until tomorrow (midnight UTC) to continue.";
const spentQueue = "Queue sendBatch failed: the free tier limit was exceeded. (10253)";

// The points at which workerd can be killed: after such a call is done, before its caller gets the answer.
const points = {
  insert: isBatchOf("accept"),
  hint: ({ call }) => isSend(call),
  claim: isBatchOf("claim"),
  request: isCall("fetch"),
  evidence: isCall("EVIDENCE.put"),
  settle: isBatchOf("settle"),
};

/** True for a send to one of the two queues of webhooks' hints. */
function isSend(call) {
  return /^(EXPRESS_)?HINTS\.send/.test(call);
}

function isCall(name) {
  return ({ call }) => call === name;
}

/** Recognises a statement by its file, without comments as shared/build.rs sends it; only a fragment before its lines may differ. */
function isBatchOf(name) {
  const text = readFileSync(path.join(root, "shared/src/store", `${name}.sql`), "utf8");
  const lines = text.split("\n").map((line) => line.trim());
  const sent = lines.filter((line) => !line.startsWith("--")).join("\n");
  return ({ call, sql }) => call === "DB.batch" && sql.some((statement) => statement.endsWith(sent));
}

const stallPollMs = 50;

/** The switches of one run. `kill` kills workerd. */
export class Faults {
  #switches = { ...none };
  #stalledUntil = 0;
  #random = generator(none.seed);
  #kill;
  #armed;
  /** Number of times that each fault was injected. */
  #injected = {};

  constructor(initial, kill) {
    this.#kill = kill;
    this.set(initial);
  }

  /** Sets the switches in `wanted`. Returns how often each fault was injected so far. */
  set(wanted) {
    for (const [name, value] of Object.entries(wanted)) {
      if (!(name in none)) throw new Error(`no fault ${name}`);
      if (modes[name] && !modes[name].includes(value)) throw new Error(`no fault ${name}=${value}`);
      this.#switches[name] = value;
    }
    if (wanted.seed !== undefined) this.#random = generator(wanted.seed);
    if (wanted.d1_stall_ms !== undefined) this.#stalledUntil = Date.now() + wanted.d1_stall_ms;
    return this.#injected;
  }

  /** Kills workerd when the first call of that point is done. Returns the time of the kill, or null if there was no such call in time. */
  killAt(point, withinMs) {
    if (!(point in points)) throw new Error(`no point ${point}`);
    return new Promise((resolve) => {
      const end = (atMs) => {
        clearTimeout(timer);
        this.#armed = undefined;
        resolve(atMs);
      };
      const timer = setTimeout(() => end(null), withinMs);
      this.#armed = { point, end };
    });
  }

  /** Returns the fault for a call of that Worker. A call during a D1 stall requests again, and gets its answer at the end of the stall. */
  async answer(worker, question) {
    if (question.stalled) return this.#stallEnds();
    const verdict = question.died === undefined ? this.#judge(worker, question) : this.#die();
    if (verdict.mode !== "ok") this.#count(verdict.mode);
    if (verdict.stalled) this.#count("stall");
    if (verdict.spent) this.#count("spent");
    return verdict;
  }

  async #stallEnds() {
    while (Date.now() < this.#stalledUntil) await sleep(stallPollMs);
    return { mode: "ok" };
  }

  #count(fault) {
    this.#injected[fault] = (this.#injected[fault] ?? 0) + 1;
  }

  /** Kills workerd at the first of several calls at that point. */
  #die() {
    if (this.#armed) {
      this.#kill();
      this.#armed.end(Date.now());
    }
    return { mode: "ok" };
  }

  #judge(worker, question) {
    if (this.#armed && points[this.#armed.point](question)) return { mode: "die" };
    const { r2, hints, random, twice } = this.#switches;
    const failing = (mode) => ({ mode, error: `${question.call} failed by injected fault` });
    if (question.call === "queue.retry") return { mode: "retry" };
    if (question.call === "queue") return { mode: twice ? "twice" : "ok" };
    if (["DB.batch", "INDEX_DB.batch"].includes(question.call)) return this.#judgeDatabase(worker, question);
    if (question.call === "random") return failing(random);
    if (question.call.startsWith("EVIDENCE.")) return failing(r2);
    if (isSend(question.call) && hints === "spent") return { mode: "fail", spent: true, error: spentQueue };
    if (isSend(question.call)) return failing(hints);
    return { mode: "ok" };
  }

  #judgeDatabase(worker, { sql }) {
    const { d1_errors_per_mille: errors, d1_lost_per_mille: lost, panic } = this.#switches;
    const stalled = Date.now() < this.#stalledUntil;
    if (panic === worker) {
      this.#switches.panic = null;
      return { mode: "panic", stalled };
    }
    const spent = this.#spentRows(sql);
    if (spent) return { mode: "fail", spent: true, stalled, error: spentRows(spent) };
    const drawn = Math.floor(this.#random() * 1_000);
    const error = `D1_ERROR: ${d1Errors[Math.floor(this.#random() * d1Errors.length)]}`;
    const mode = drawn < errors ? "fail" : drawn < errors + lost ? "lose" : "ok";
    return { mode, stalled, error };
  }

  /** Returns which used-up daily rows refuse these statements: the rows to read, or the rows to write. */
  #spentRows(sql) {
    const spent = this.#switches.d1_spent;
    const writes = (statement) => /\b(INSERT|UPDATE|DELETE)\b/.test(statement);
    if (["reads", "all"].includes(spent) && !sql.every(writes)) return "read";
    if (["writes", "all"].includes(spent) && sql.some(writes)) return "write";
    return undefined;
  }
}

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
