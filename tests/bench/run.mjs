// `make bench`: Longshore beside what a user would write instead, in one run on this machine. Rounds are interleaved, because
// the speed of a machine changes; the table has the median of each figure, and its ratio to `bare`.
//
//   ROUNDS=3 SINGLE=1000 BULK=10000 IDLE=6   numbers of rounds, and of jobs in each phase
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { contenders, start } from "./contenders.mjs";
import { getJson, postAll, quantile } from "./load.mjs";
import { table } from "./table.mjs";

const [ROUNDS, SINGLE, BULK, IDLE] = [["ROUNDS", 3], ["SINGLE", 1_000], ["BULK", 10_000], ["IDLE", 6]].map(([name, usual]) =>
  Number(process.env[name] ?? usual),
);
/** Jobs of a slow contender, at most. */
const SLOW_MAX = 1_000;
/** Jobs of one bulk request. */
const AT_ONCE = 100;
/** Jobs before the measurement, so that the code is compiled: one by one, and in bulk. */
const [WARM, WARM_BULK] = [100, 2_900];
/** Connections that send single jobs, and bulk requests. */
const [SENDERS, BULK_SENDERS] = [16, 8];
/** Pause before each job of the idle phase: longer than the queues wait, so that nothing is under way. */
const IDLE_MS = 1_500;
/** Longest phase. */
const PATIENCE_MS = 120_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ids = (prefix, count) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const requestsOf = (contender, jobs) =>
  Array.from({ length: Math.ceil(jobs.length / AT_ONCE) }, (_, index) =>
    contender.bulk(jobs.slice(index * AT_ONCE, (index + 1) * AT_ONCE)),
  );

/** Waits until the receiver has had a number of different jobs. */
async function delivered(receiver, count) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const counts = await getJson(receiver, "/counts");
    if (counts.distinct >= count) return counts;
    if (Date.now() > until) throw new Error(`only ${counts.distinct} of ${count} jobs arrived in ${PATIENCE_MS} ms`);
    await sleep(20);
  }
}

/** Waits until the contender rests: it settles and acknowledges after the last delivery. */
async function rests(contender) {
  for (let before = -1; contender.cpu() - before > 0.02; ) {
    before = contender.cpu();
    await sleep(500);
  }
}

/** Sends requests for `count` jobs, and measures until the last one is delivered. */
async function phase(contender, receiver, count, requests, senders) {
  await getJson(receiver, "/reset");
  const [cpu, began] = [contender.cpu(), Date.now()];
  const { seconds, times } = await postAll(contender.port, requests, senders);
  const { last_at } = await delivered(receiver, count);
  await rests(contender);
  return {
    accepts: count / seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    delivered: count / ((last_at - began) / 1_000),
    cpu: ((contender.cpu() - cpu) / count) * 10_000,
  };
}

/** Sends one job now and then, and measures the time from its answer to its delivery. */
async function idle(contender, receiver) {
  await getJson(receiver, "/reset");
  const waits = [];
  for (const id of ids("idle", IDLE)) {
    await sleep(IDLE_MS);
    await postAll(contender.port, [contender.single(id)], 1);
    const answeredAt = Date.now();
    await delivered(receiver, waits.length + 1);
    waits.push((await getJson(receiver, "/times"))[id] - answeredAt);
  }
  return { wait: quantile(waits.sort((a, b) => a - b), 0.5) };
}

async function measure({ start: begin, slow }, receiver, place) {
  const contender = await begin(place);
  try {
    const [single, bulk] = [SINGLE, BULK].map((count) => (slow ? Math.min(count, SLOW_MAX) : count));
    const warm = slow ? SLOW_MAX : WARM_BULK;
    const first = [...ids("warm", WARM).map(contender.single), ...requestsOf(contender, ids("warmer", warm))];
    await phase(contender, receiver, WARM + warm, first, BULK_SENDERS);
    return {
      first: { ms: contender.firstRequestMs },
      single: await phase(contender, receiver, single, ids("single", single).map(contender.single), SENDERS),
      bulk: await phase(contender, receiver, bulk, requestsOf(contender, ids("bulk", bulk)), BULK_SENDERS),
      idle: await idle(contender, receiver),
      memory: { mb: contender.memory() },
    };
  } finally {
    await contender.stop();
  }
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "longshore-bench-"));
const log = fs.openSync(path.join(folder, "log"), "a");
const receiver = await start("receiver.mjs", [], log);
const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
try {
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [name, contender] of Object.entries(contenders)) {
      process.stderr.write(`round ${round} of ${ROUNDS}: ${name}\n`);
      const place = { state: fs.mkdtempSync(path.join(folder, "state-")), destination: `http://127.0.0.1:${receiver.line}/x`, log };
      results[name].push(await measure(contender, Number(receiver.line), place));
      fs.rmSync(place.state, { recursive: true });
    }
  }
  process.stdout.write(table(results));
  fs.rmSync(folder, { recursive: true });
} catch (error) {
  process.stderr.write(`${error.message}\nThe log is ${folder}/log.\n`);
  process.exitCode = 1;
} finally {
  await receiver.stop();
}
