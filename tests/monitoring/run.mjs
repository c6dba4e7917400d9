// Checks ops/ with the real tools: promtool reads the rules, their tests and the text of /metrics; Prometheus scrapes both Workers,
// evaluates the rules, and answers each query of the dashboards. Needs a build of the Workers, and Debian's package prometheus.
//
//   node tests/monitoring/run.mjs
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { rootToken, start, workersArguments } from "../bench/contenders.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const ops = path.join(root, "ops");
/** Time within which each query has data: Prometheus scrapes once a second, and rates need two scrapes. */
const PATIENCE_MS = 90_000;
/** Columns of a dashboard of Grafana. */
const COLUMNS = 24;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs a command with an input, and returns its output; a failure is an error with that output. */
function run(command, args, input = "") {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: "utf8" });
  assert.equal(status, 0, `${command} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Calls the API; an answer above 299 is an error. */
async function call(url, key, method, target, body) {
  const headers = { Authorization: `Bearer ${key}`, ...(body && { "Content-Type": "application/json" }) };
  const response = await fetch(url + target, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${target} answered ${response.status}: ${text}`);
  return text;
}

/** Reads a dashboard and checks what Grafana needs: ids and names are unique, and panels do not overlap. */
function dashboard(name) {
  const { title, uid, panels, templating, schemaVersion } = JSON.parse(fs.readFileSync(path.join(ops, "grafana", `${name}.json`), "utf8"));
  assert.ok(title && uid && schemaVersion, `${name}: title, uid and schemaVersion`);
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, `${name}: ids of panels`);
  const taken = new Set();
  for (const { gridPos, title: panel, targets } of panels) {
    assert.ok(gridPos.x + gridPos.w <= COLUMNS, `${name}: ${panel} is too wide`);
    assert.ok(targets.length > 0 && targets.every(({ expr, refId }) => expr && refId), `${name}: ${panel} has queries`);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(!taken.has(`${x},${y}`), `${name}: ${panel} overlaps another panel`);
        taken.add(`${x},${y}`);
      }
    }
  }
  assert.deepEqual(templating.list.map((variable) => variable.name).slice(0, 2), ["datasource", "job"]);
  return panels.flatMap(({ title: panel, targets }) => targets.map(({ expr }) => ({ what: `${name}: ${panel}`, expr })));
}

/** Returns a query of a dashboard with its variables replaced, as Grafana does. */
function filled({ what, expr }, variables) {
  const query = Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(`$${name}`, value), expr);
  assert.ok(!query.includes("$"), `${what}: an unknown variable in ${query}`);
  return { what, query };
}

/** Returns the query of a rule without its threshold, which has data whether the alert fires or not. */
function measured({ name, query }) {
  const [, left] = /^(.*?)\s*>\s*[\d.e+-]+$/s.exec(query) ?? assert.fail(`${name}: no threshold in ${query}`);
  const [, absent] = /^absent\((.*)\)$/.exec(left) ?? [];
  return { what: `alert ${name}`, query: absent ?? left };
}

/** Writes the configuration of a Prometheus that scrapes once a second, and starts it. */
async function prometheus(folder, log, target, keys) {
  const port = await freePort();
  const job = ([name, { key, params }]) => `
  - job_name: ${name}
    metrics_path: /metrics
    params: ${JSON.stringify(params)}
    authorization: {credentials: ${key}}
    static_configs: [{targets: ["${target}"]}]`;
  const config = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [${path.join(ops, "prometheus/longshore.rules.yml")}]
scrape_configs:${Object.entries(keys).map(job).join("")}
`;
  fs.writeFileSync(path.join(folder, "prometheus.yml"), config);
  const args = [
    `--config.file=${path.join(folder, "prometheus.yml")}`, `--storage.tsdb.path=${path.join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`, "--log.level=warn",
  ];
  const child = spawn("prometheus", args, { stdio: ["ignore", log, log] });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const stop = () => {
    child.kill();
    return gone;
  };
  const get = async (target, parameters = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${target}?${new URLSearchParams(parameters)}`);
    const body = await response.json();
    assert.equal(body.status, "success", `${JSON.stringify(parameters)}: ${JSON.stringify(body)}`);
    return body.data;
  };
  const until = Date.now() + PATIENCE_MS;
  const isReady = () => fetch(`http://127.0.0.1:${port}/-/ready`).then((response) => response.ok, () => false);
  while (!(await isReady())) {
    if (Date.now() > until) throw new Error(`Prometheus was not ready in ${PATIENCE_MS} ms`);
    await sleep(100);
  }
  return { get, stop };
}

/** Sends one job that succeeds and one that dies, again and again, until each query has a number. */
async function answerAll(server, queries, send) {
  const until = Date.now() + PATIENCE_MS;
  for (let waiting = queries; ; ) {
    await send();
    const results = await Promise.all(waiting.map(({ query }) => server.get("/api/v1/query", { query })));
    const has = ({ result }) => result.some(({ value }) => Number.isFinite(Number(value[1])));
    waiting = waiting.filter((_, index) => !has(results[index]));
    if (waiting.length === 0) return;
    const list = () => waiting.map(({ what, query }) => `${what}: ${query}`).join("\n");
    if (Date.now() > until) throw new Error(`no data after ${PATIENCE_MS} ms:\n${list()}`);
    await sleep(1_000);
  }
}

/** Waits until an alert fires. */
async function fires(server, name) {
  for (const until = Date.now() + PATIENCE_MS; ; await sleep(200)) {
    const fired = (await server.get("/api/v1/alerts")).alerts.map(({ labels }) => labels.alertname);
    if (fired.includes(name)) return;
    if (Date.now() > until) throw new Error(`${name} does not fire, but these: ${fired}`);
  }
}

async function main(folder) {
  run("promtool", ["check", "rules", path.join(ops, "prometheus/longshore.rules.yml")]);
  run("promtool", ["test", "rules", path.join(ops, "prometheus/longshore.rules.test.yml")]);
  const log = fs.openSync(path.join(folder, "log"), "a");
  const receiver = await start("receiver.mjs", [], log);
  const workers = await start("../local/run.mjs", workersArguments(path.join(folder, "state"), 1), log);
  const { url } = JSON.parse(workers.line);
  let server;
  try {
    const key = async (tenant, scope) =>
      JSON.parse(await call(url, rootToken, "POST", "/v1/keys", { tenant, scopes: [scope], name: "monitoring" })).key;
    const admin = await key("shop", "admin");
    const working = { url: `http://127.0.0.1:${receiver.line}/x`, max_attempts: 1 };
    await call(url, admin, "PUT", "/v1/endpoints/works", working);
    await call(url, admin, "PUT", "/v1/endpoints/fails", { ...working, url: "http://127.0.0.1:1/" });
    const job = (endpoint) => ({ kind: "webhook", endpoint, payload: { body: {} } });
    const send = () => Promise.all(["works", "fails"].map((name) => call(url, admin, "POST", "/v1/jobs", job(name))));
    await send();
    const keys = {
      longshore: { key: await key("*", "metrics:read"), params: {} },
      endpoints: { key: await key("shop", "metrics:read"), params: { endpoints: ["true"] } },
    };
    for (const { key: scraper } of Object.values(keys)) {
      run("promtool", ["check", "metrics"], await call(url, scraper, "GET", "/metrics"));
    }
    server = await prometheus(folder, log, new URL(url).host, keys);
    const of = { __rate_interval: "30s" };
    const queries = [
      ...dashboard("overview").map((target) => filled(target, { ...of, job: "longshore" })),
      ...dashboard("endpoint").map((target) => filled(target, { ...of, job: "endpoints", endpoint: "works" })),
    ];
    const { groups } = await server.get("/api/v1/rules");
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length >= 10, "the rules are loaded");
    await answerAll(server, [...queries, ...rules.map(measured)], send);
    await fires(server, "LongshoreJobsDie");
    console.log(`${queries.length} queries of dashboards and ${rules.length} alert rules have data; LongshoreJobsDie fires`);
  } finally {
    await server?.stop();
    await workers.stop();
    await receiver.stop();
  }
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "longshore-monitoring-"));
try {
  await main(folder);
  fs.rmSync(folder, { recursive: true });
} catch (error) {
  console.error(`${error.message}\nThe log is ${folder}/log.`);
  process.exitCode = 1;
}
