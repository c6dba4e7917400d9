// The command line of the local runner.
import path from "node:path";
import { parseArgs } from "node:util";
import { devArguments } from "./dev.mjs";
import { RunnerError } from "./error.mjs";
import { root } from "./workers.mjs";

export const usage = `node tests/local/run.mjs --persist DIR [options]
  --persist DIR       where D1 and R2 are kept
  --migrations DIR    migrations of DB; those of INDEX_DB are in its index/ (default: migrations/)
  --port N            port of the producer, 0 for any (default 0)
  --control-port N    port of the control server, 0 for any (default 0)
  --var KEY=VALUE     a variable of both Workers; may be repeated
  --worker-var WORKER:KEY=VALUE  a variable of the producer or the consumer alone; may be repeated
  --from WORKER=DIR   the checkout of the producer or the consumer (default: this one)
  --limit NAME=N      requests per minute of that [[ratelimits]] binding (default: no limit); may be repeated
  --ai URL            a stand-in for the service behind the AI binding (default: no AI binding)
  --plan free|paid    the profile of limits (default: that of the wrangler files)
  --tick SECONDS      seconds between runs of both crons (default: only on request of the control server)
  --faults            let the control server inject faults
  --drop-hints        start with all queue messages dropped (implies --faults)
  --fail-r2           start with all R2 calls failing (implies --faults)
  --foreground        for people, as \`make dev\` runs: start a receiver, print a session to paste, do not stop with standard
                      input; the options of dev.mjs come first, and others override them
  --receiver-port N   port of that receiver, 0 for any (default 8788)`;

/** Error of the arguments; the message names the cause. */
export class UsageError extends RunnerError {}

/** Reads the arguments, or throws a UsageError. */
export function readOptions(args) {
  const values = parse(args);
  if (!values.persist) throw new UsageError("--persist is missing");
  const vars = Object.fromEntries(values.var.map(keyAndValue));
  if (values.plan) vars.PLAN = values.plan;
  const switches = { r2: values["fail-r2"] ? "fail" : "ok", hints: values["drop-hints"] ? "drop" : "ok" };
  const faulty = values.faults || values["fail-r2"] || values["drop-hints"];
  return {
    persist: values.persist,
    migrations: values.migrations,
    port: number("--port", values.port),
    controlPort: number("--control-port", values["control-port"]),
    tickSeconds: number("--tick", values.tick),
    vars,
    workerVars: workerVars(values["worker-var"]),
    from: Object.fromEntries(values.from.map(keyAndValue)),
    limits: Object.fromEntries(values.limit.map(limit)),
    ai: values.ai && new URL(values.ai),
    switches: faulty ? switches : undefined,
    foreground: values.foreground,
    receiverPort: number("--receiver-port", values["receiver-port"]),
  };
}

function parse(args) {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  const options = {
    persist: text,
    migrations: { ...text, default: path.join(root, "migrations") },
    port: { ...text, default: "0" },
    "control-port": { ...text, default: "0" },
    var: { ...text, multiple: true, default: [] },
    "worker-var": { ...text, multiple: true, default: [] },
    from: { ...text, multiple: true, default: [] },
    limit: { ...text, multiple: true, default: [] },
    ai: text,
    plan: text,
    tick: { ...text, default: "0" },
    faults: flag,
    "drop-hints": flag,
    "fail-r2": flag,
    foreground: flag,
    "receiver-port": { ...text, default: "8788" },
  };
  try {
    const { values } = parseArgs({ args, options });
    return values.foreground ? parseArgs({ args: [...devArguments, ...args], options }).values : values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function keyAndValue(pair) {
  const at = pair.indexOf("=");
  if (at < 1) throw new UsageError(`\`${pair}\` must be KEY=VALUE`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** Returns the variables of each Worker. */
function workerVars(pairs) {
  const byWorker = { producer: {}, consumer: {} };
  for (const pair of pairs) {
    const [worker, rest] = [pair.slice(0, pair.indexOf(":")), pair.slice(pair.indexOf(":") + 1)];
    if (!byWorker[worker]) throw new UsageError(`\`${pair}\` must be WORKER:KEY=VALUE, with producer or consumer as WORKER`);
    const [key, value] = keyAndValue(rest);
    byWorker[worker][key] = value;
  }
  return byWorker;
}

function limit(pair) {
  const [name, count] = keyAndValue(pair);
  return [name, number("--limit", count)];
}

function number(name, value) {
  if (!/^\d+$/.test(value)) throw new UsageError(`${name} must be a whole number, not \`${value}\``);
  return Number(value);
}
