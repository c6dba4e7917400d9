// The Workers of one local run, as Miniflare options: the producer and the consumer from their real wrangler files, the
// example that runs tasks, and the bridge. They share one workerd, both D1 databases, one R2 bucket and the queues.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { unstable_getMiniflareWorkerOptions as readWranglerFile } from "wrangler";

const here = path.dirname(fileURLToPath(import.meta.url));

/** The root of the repository. */
export const root = path.resolve(here, "../..");

/** The names of the Workers in Miniflare. */
export const names = {
  producer: "longshore-producer",
  consumer: "longshore-consumer",
  bridge: "longshore-bridge",
  example: "longshore-example-tasks",
};

const hintQueue = "longshore-hints";
const deadQueue = "longshore-hints-dead";
// The paid profile uses the largest batch of hints that Queues can deliver.
const paidBatchSize = 100;

/**
 * Returns the options of all Workers. `vars` override those of both wrangler files, `workerVars` those of one. `faults`, if
 * given, selects the fault of each call that faulty.mjs wraps. `limits` are requests per minute by binding; bindings that are not
 * listed have no limit. `from` names another checkout of a Worker; `ai` is the address of a stand-in for the AI service.
 */
export function allWorkers({ vars, workerVars, faults, limits, from, ai }) {
  const producer = builtWorker(from.producer ?? root, "producer", "wrangler.toml", { ...vars, ...workerVars.producer }, faults);
  producer.ratelimits = rateLimits(producer.ratelimits, limits);
  const consumer = builtWorker(from.consumer ?? root, "consumer", "consumer/wrangler.toml", { ...vars, ...workerVars.consumer }, faults);
  if (vars.PLAN === "paid") {
    for (const name of [hintQueue, deadQueue]) consumer.queueConsumers[name].maxBatchSize = paidBatchSize;
  }
  consumer.serviceBindings.HANDLER_EXAMPLE = names.example;
  for (const worker of [producer, consumer]) worker.ai = aiBinding(ai);
  return [producer, consumer, bridgeWorker(consumer), exampleWorker()];
}

/** Returns the example Worker that runs tasks, from its real files: a local consumer is always bound to it. */
function exampleWorker() {
  const folder = path.join(root, "examples/tasks");
  const { workerOptions, main } = readWranglerFile(path.join(folder, "wrangler.toml"));
  const esbuild = path.join(root, "node_modules/.bin/esbuild");
  const contents = execFileSync(esbuild, [main, "--format=esm"], { encoding: "utf8" });
  return {
    ...workerOptions,
    name: names.example,
    rootPath: root,
    modulesRoot: folder,
    modules: [{ type: "ESModule", path: path.join(folder, "worker.js"), contents }],
  };
}

/**
 * Returns the AI binding, which has no local emulation: the code is workerd's, as on Cloudflare, and its requests go to `address`
 * through Miniflare's connection to an account. Without an address there is no AI binding, even if the wrangler files have one.
 */
function aiBinding(address) {
  return address && { binding: "AI", remoteProxyConnectionString: address };
}

/** Returns the rate limits of the wrangler file with other numbers. */
function rateLimits(declared, limits) {
  const chosen = Object.entries(limits).map(([name, limit]) => {
    if (!declared?.[name]) throw new Error(`no [[ratelimits]] is named ${name}`);
    return [name, { ...declared[name], simple: { ...declared[name].simple, limit } }];
  });
  return Object.fromEntries(chosen);
}

function builtWorker(checkout, folder, wranglerFile, vars, faults) {
  const { workerOptions } = readWranglerFile(path.join(checkout, wranglerFile));
  const build = path.join(checkout, folder, "build");
  const modules = [
    { type: "ESModule", path: path.join(build, "index.js") },
    { type: "CompiledWasm", path: path.join(build, "index_bg.wasm") },
  ];
  const serviceBindings = { ...workerOptions.serviceBindings };
  if (faults) {
    // The first module is the main one. Its name is beside index.js, so that it can import it.
    modules.unshift(moduleOf("faulty.mjs", build));
    serviceBindings.FAULTS = async (request) => Response.json(await faults.answer(folder, await request.json()));
  }
  return {
    ...workerOptions,
    name: names[folder],
    rootPath: checkout,
    modulesRoot: build,
    modules,
    bindings: { ...workerOptions.bindings, ...vars },
    serviceBindings,
  };
}

/**
 * Returns the bridge Worker, with the consumer's bindings: the control server uses it to reach D1, R2 and the queues. Its
 * databases are those of this checkout, even beside an older consumer.
 */
function bridgeWorker(consumer) {
  const { workerOptions } = readWranglerFile(path.join(root, "consumer/wrangler.toml"));
  return {
    name: names.bridge,
    rootPath: root,
    compatibilityDate: consumer.compatibilityDate,
    modulesRoot: here,
    modules: [moduleOf("bridge.mjs", here)],
    d1Databases: workerOptions.d1Databases,
    r2Buckets: consumer.r2Buckets,
    queueProducers: { ...consumer.queueProducers, DEAD: { queueName: deadQueue } },
  };
}

function moduleOf(file, folder) {
  return { type: "ESModule", path: path.join(folder, file), contents: readFileSync(path.join(here, file), "utf8") };
}
