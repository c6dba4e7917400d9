// Sends requests to destinations and reads their whole responses, for requests.rs. Errors of the platform are returned, not
// thrown.

const EMPTY = new Uint8Array();

/**
 * Runs a model of Workers AI. A raw response has the status and the reason of a refusal; an exception has only the reason.
 */
function runModel(ai, model, { body, signal }) {
  return ai.run(model, JSON.parse(new TextDecoder().decode(body)), { returnRawResponse: true, signal });
}

/**
 * Reads a body up to `cap` bytes. If the body is interrupted, the bytes read so far are kept. A body of the announced length
 * is whole without another read, which would take the runtime as long as the first.
 */
async function readBody(response, cap) {
  const chunks = [];
  let bytes = 0;
  const body = (truncated, error) => ({ chunks, bytes, truncated, error });
  if (response.body === null) return body(false, null);
  // The length of a compressed body is not that of its text.
  const announced = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const reader = response.body.getReader();
  while (bytes === 0 || String(bytes) !== announced) {
    let chunk;
    try {
      const { done, value } = await reader.read();
      if (done) return body(false, null);
      chunk = value;
    } catch (error) {
      return body(false, String(error));
    }
    const room = cap - bytes;
    const kept = chunk.byteLength > room ? chunk.subarray(0, room) : chunk;
    chunks.push(kept);
    bytes += kept.byteLength;
    if (chunk.byteLength > room) {
      // Not awaited: the result of a cancellation does not matter.
      reader.cancel().catch(() => {});
      return body(true, null);
    }
  }
  return body(false, null);
}

/** Returns the reason for which the runtime does not send a request; null if it does. */
function refusalOf(url, init) {
  try {
    return new Request(url, { ...init, signal: undefined }) && null;
  } catch (error) {
    return String(error);
  }
}

/** Joins the chunks of a body. */
function joined({ chunks, bytes }) {
  if (chunks.length < 2) return chunks[0] ?? EMPTY;
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return body;
}

/** Deadlines of the requests of one invocation. They share a timer, because a timer for each costs more than a signature. */
class Deadlines {
  #due = new Map();
  #timer;
  #wakesAt = Infinity;

  /** Aborts `controller` in `ms` milliseconds, unless it is removed before. */
  add(controller, ms) {
    const at = Date.now() + ms;
    this.#due.set(controller, at);
    if (at < this.#wakesAt) this.#wake(at);
  }

  remove(controller) {
    this.#due.delete(controller);
    if (this.#due.size === 0) this.#wake(Infinity);
  }

  #wake(at) {
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    if (at < Infinity) this.#timer = setTimeout(() => this.#abortDue(), Math.max(at - Date.now(), 1));
  }

  #abortDue() {
    const now = Date.now();
    for (const [controller, at] of this.#due) {
      if (at > now) continue;
      this.#due.delete(controller);
      controller.abort();
    }
    this.#wake(Math.min(...this.#due.values()));
  }
}

/** Sends the requests of one invocation. */
export class Sender {
  #env;
  #answer;
  #deadlines = new Deadlines();

  /**
   * @param {Record<string, unknown>} env
   * @param {(id: number, head: string, body: Uint8Array) => void} answer called once for each request. `head` is JSON:
   *   `{response: {status, headers, truncated, body_error, late}}`, `{failed: [message, late]}`, `{unsendable: message}` or
   *   `"missing"`
   */
  constructor(env, answer) {
    this.#env = env;
    this.#answer = answer;
  }

  /** Ends the calls of `answer`: Rust has released it. */
  close() {
    this.#answer = () => {};
  }

  /**
   * Sends one request without following redirects, and reads the response body up to `cap` bytes. One deadline covers both.
   *
   * @param {number} id what `answer` gets
   * @param {string | undefined} binding the name of a service binding, or undefined for the network
   * @param {string | undefined} model the name of a model, if the binding is that of Workers AI
   * @param {string} method
   * @param {string} url
   * @param {string} headers a JSON array of pairs of name and value
   * @param {Uint8Array} body
   * @param {number} timeoutMs
   * @param {number} cap maximum number of bytes of the response body that are read
   */
  send(id, binding, model, method, url, headers, body, timeoutMs, cap) {
    const target = binding === undefined ? globalThis : this.#env[binding];
    // A variable or a binding of another kind may have the name.
    if (typeof (model === undefined ? target?.fetch : target?.run) !== "function") {
      // Later, as every answer: Rust must not be called while it calls.
      queueMicrotask(() => this.#answer(id, '"missing"', EMPTY));
      return;
    }
    const controller = new AbortController();
    const init = { method, headers: Object.fromEntries(JSON.parse(headers)), redirect: "manual", signal: controller.signal };
    // A copy: `body` is a view of Rust's memory, which may change once this function has returned.
    if (body.byteLength > 0) init.body = body.slice();
    this.#deadlines.add(controller, timeoutMs);
    void this.#run(id, target, model, url, init, controller, cap);
  }

  async #run(id, target, model, url, init, controller, cap) {
    let [head, body] = [undefined, EMPTY];
    const isLate = () => controller.signal.aborted;
    try {
      const response = await (model === undefined ? target.fetch(url, init) : runModel(target, model, init));
      const read = await readBody(response, cap);
      const { status, headers } = response;
      const { truncated, error } = read;
      head = { response: { status, headers: [...headers], truncated, body_error: error, late: isLate() && !truncated } };
      body = joined(read);
    } catch (error) {
      const refusal = refusalOf(url, init);
      head = refusal === null ? { failed: [String(error), isLate()] } : { unsendable: refusal };
    }
    this.#deadlines.remove(controller);
    this.#answer(id, JSON.stringify(head), body);
  }
}
