// The main module of both Workers when faults can be injected: the real Worker, with bindings that fail on demand.
//
// The switches live in the runner and are asked for at each wrapped call, so a test can change them while Workers run.
import Worker from "./index.js";

const wrapped = { EVIDENCE: ["put"], HINTS: ["send", "sendBatch"] };
// Far beyond every deadline of ours, yet a timer: workerd cancels a request whose promises wait for nothing.
const hangMs = 600_000;

export default class Faulty extends Worker {
  constructor(context, env) {
    super(context, breakable(env));
  }
}

function breakable(env) {
  const result = { ...env };
  for (const [name, methods] of Object.entries(wrapped)) result[name] = wrap(env, name, methods);
  return result;
}

/** A proxy, so that everything else about the binding stays true: workers-rs looks at `constructor.name`. */
function wrap(env, name, methods) {
  return new Proxy(env[name], {
    get(binding, property) {
      const value = Reflect.get(binding, property, binding);
      if (typeof value !== "function" || property === "constructor") return value;
      if (!methods.includes(property)) return value.bind(binding);
      return async (...parameters) => {
        const response = await env.FAULTS.fetch("http://faults/");
        const switches = await response.json();
        return misbehave(switches[name], `${name}.${property}`, () => value.apply(binding, parameters));
      };
    },
  });
}

async function misbehave(mode, what, call) {
  if (mode === "drop") return undefined;
  if (mode === "hang") await new Promise((resolve) => setTimeout(resolve, hangMs));
  if (mode === "fail" || mode === "hang") throw new Error(`${what} failed by injected fault`);
  return call();
}
