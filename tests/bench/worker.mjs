// Runs one hand-written contender on workerd, with its state on disk. Prints one line of JSON when it is ready, and ends with
// its standard input.
//
//   node worker.mjs CONTENDER STATE_FOLDER DESTINATION
import { readFileSync } from "node:fs";
import path from "node:path";

import { workerdPid } from "../local/workerd.mjs";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";

const SCHEMA =
  "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, payload TEXT, state TEXT, attempts INTEGER DEFAULT 0, " +
  "created_at INTEGER, finished_at INTEGER) WITHOUT ROWID";

const [contender, state, destination] = process.argv.slice(2);
const options = convertV4MiniflareOptions({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  telemetry: { enabled: false },
  logRequests: false,
  log: new Log(LogLevel.WARN),
  handleStructuredLogs: ({ level, message }) => process.stderr.write(`${level}: ${message}\n`),
  workers: [
    {
      name: contender,
      modules: true,
      script: readFileSync(new URL(`contenders/${contender}.mjs`, import.meta.url), "utf8"),
      compatibilityDate: "2026-10-01",
      bindings: { DESTINATION: destination },
      d1Databases: { DB: "db" },
      r2Buckets: { EVIDENCE: "evidence" },
      queueProducers: { JOBS: "jobs" },
      // As Longshore's on the paid plan.
      queueConsumers: { jobs: { maxBatchSize: 100, maxBatchTimeout: 1, maxRetries: 10 } },
    },
  ],
});
options.resourcePersistencePath = path.resolve(state, "v3");
const miniflare = new Miniflare(options);
const { origin: url } = await miniflare.ready;
await (await miniflare.getD1Database("DB")).exec(SCHEMA);
process.stdout.write(`${JSON.stringify({ url, workerd_pid: workerdPid() })}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
