// The local runner: both Workers, from their real wrangler files, in one workerd, with D1, R2 and the queues.
// It works without an account and a network. When everything has started it prints one line of JSON:
//
//     {"url": "the producer", "control": "see control.mjs", "workerd_pid": 123}
//
// The Workers log to standard error. The runner ends at SIGINT, SIGTERM or the end of its standard input, and workerd
// ends with it.
import { workerdPid } from "./workerd.mjs";
import { Console } from "node:console";
import path from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { askBridge, startControl, tick } from "./control.mjs";
import { announceToPeople, startReceiver } from "./dev.mjs";
import { RunnerError } from "./error.mjs";
import { Faults } from "./faults.mjs";
import { Made, databases, migrate } from "./migrate.mjs";
import { readOptions, usage, UsageError } from "./options.mjs";
import { allWorkers } from "./workers.mjs";

// Standard output carries the ready line only; libraries that print are redirected to standard error.
globalThis.console = new Console(process.stderr, process.stderr);

function miniflareOptions({ port, persist, vars, workerVars, faults, limits, from, ai }) {
  const options = convertV4MiniflareOptions({
    host: "127.0.0.1",
    port,
    // The properties of a real request come from the network, which may be missing.
    cf: false,
    telemetry: { enabled: false },
    logRequests: false,
    log: new Log(LogLevel.WARN),
    handleStructuredLogs: ({ level, message }) => process.stderr.write(`${level}: ${message}\n`),
    unsafeHandleRuntimeRestart: () => process.stderr.write(`workerd restarted as ${workerdPid()}\n`),
    workers: allWorkers({ vars, workerVars, faults, limits, from, ai }),
  });
  // The folder inside `persist` that wrangler's --persist-to uses too.
  options.resourcePersistencePath = path.resolve(persist, "v3");
  return options;
}

/** Runs both crons at this interval; a cron's next run starts only after its last one has ended. */
function startTicker(miniflare, seconds) {
  for (const worker of ["producer", "consumer"]) {
    const run = async () => {
      await tick(miniflare, worker).catch((error) => console.error(`tick of ${worker}: ${error.message}`));
      setTimeout(run, seconds * 1000);
    };
    setTimeout(run, seconds * 1000);
  }
}

/** Stops the runner when its parent process ends, which closes standard input. Miniflare handles signals, and stops workerd at exit. */
function stopWithStandardInput() {
  const stop = () => process.exit(0);
  process.stdin.on("end", stop).on("close", stop).on("error", stop).resume();
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  // Started first, so that a used port is reported at once.
  const receiver = options.foreground && (await startReceiver(options.receiverPort));
  const faults = options.switches && new Faults(options.switches, () => process.kill(workerdPid(), "SIGKILL"));
  const miniflare = new Miniflare(miniflareOptions({ ...options, faults }));
  if (!options.foreground) stopWithStandardInput();
  const url = (await miniflare.ready).origin;
  const batchOn = (database) => async (statements) => {
    const { results, error } = await (await askBridge(miniflare, "/d1", { database, statements })).json();
    if (error) throw new Error(`a migration failed: ${error}`);
    return results;
  };
  const made = new Made(path.resolve(options.persist));
  for (const [database, folder] of databases(options.migrations)) await migrate(database, folder, batchOn(database), made);
  const { controlPort, tickSeconds } = options;
  const server = await startControl({ miniflare, faults, workerdPid, port: controlPort });
  if (tickSeconds) startTicker(miniflare, tickSeconds);
  const control = `http://127.0.0.1:${server.address().port}`;
  if (options.foreground) await announceToPeople({ ...options, url, control, receiver });
  else process.stdout.write(`${JSON.stringify({ url, control, workerd_pid: workerdPid() })}\n`);
}

main().catch((error) => {
  const text = error instanceof RunnerError ? error.message : (error.stack ?? error);
  process.stderr.write(error instanceof UsageError ? `${error.message}\n\n${usage}\n` : `${text}\n`);
  process.exit(1);
});
