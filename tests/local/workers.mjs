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
// The paid profile takes as many hints in a batch as Queues can deliver.
const paidBatchSize = 100;

/**
 * The options of all Workers. `vars` override those of both wrangler files, `workerVars` those of one; `faults`, if given, tells what each call
 * suffers that faulty.mjs wraps. `limits` are requests a minute by binding; those that it does not name do not limit. `from`
 * names the checkout of a Worker that is not this one's; `ai` is the address of what stands in for the service of models.
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

/** The example of a Worker that runs tasks, from its real files: a local consumer always has it. */
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
 * The AI binding, which has no local twin: it is workerd's own code, as on Cloudflare, and what it sends to the service goes to
 * `address` by the way that Miniflare has to an account. Whatever the wrangler files say, there is none without an address.
 */
function aiBinding(address) {
  return address && { binding: "AI", remoteProxyConnectionString: address };
}

/** The limits of the wrangler file with other numbers. */
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
    // The first module is the main one. It sits beside index.js in name only, so that it can import it.
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
 * A Worker of the runner's own, with the consumer's bindings: the control server reaches D1, R2 and the queues by it. Its
 * databases are those of this checkout, also beside a consumer of before.
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
