// Sends a request to a destination and reads its whole response, for fetch.rs. Errors of the platform are returned, not
// thrown.

const encoder = new TextEncoder();

/**
 * Runs a model of Workers AI. A raw response has the status and the reason of a refusal; an exception has only the reason.
 */
function runModel(ai, model, { body, signal }) {
  return ai.run(model, JSON.parse(new TextDecoder().decode(body)), { returnRawResponse: true, signal });
}

/** Reads a body up to `cap` bytes. If the body is interrupted, the bytes read so far are kept. */
async function readBody(response, cap) {
  const chunks = [];
  let bytes = 0;
  const body = (truncated, error) => ({ chunks, bytes, truncated, error });
  if (response.body === null) return body(false, null);
  const reader = response.body.getReader();
  for (;;) {
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
}

/** Builds a frame: the length of the head in 4 bytes, the head as JSON, the body. */
function frame(head, body) {
  const text = encoder.encode(JSON.stringify(head));
  const bytes = new Uint8Array(4 + text.byteLength + (body?.bytes ?? 0));
  new DataView(bytes.buffer).setUint32(0, text.byteLength, true);
  bytes.set(text, 4);
  let at = 4 + text.byteLength;
  for (const chunk of body?.chunks ?? []) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/**
 * Sends one request without following redirects, and reads the response body up to `cap` bytes. One deadline covers both.
 *
 * @param {Record<string, unknown>} env
 * @param {string | undefined} binding the name of a service binding, or undefined for the network
 * @param {string | undefined} model the name of a model, if the binding is that of Workers AI
 * @param {string} method
 * @param {string} url
 * @param {string} headers a JSON array of pairs of name and value
 * @param {Uint8Array} body
 * @param {number} timeoutMs
 * @param {number} cap maximum number of bytes of the response body that are read
 * @returns {Promise<Uint8Array>} a frame whose head is `{response: {status, headers, truncated, body_error, late}}`,
 *   `{failed: [message, late]}`, `{unsendable: message}` or `"missing"`
 */
export async function send(env, binding, model, method, url, headers, body, timeoutMs, cap) {
  const target = binding === undefined ? globalThis : env[binding];
  // A variable or a binding of another kind may have the name.
  if (typeof (model === undefined ? target?.fetch : target?.run) !== "function") return frame("missing");
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, timeoutMs);
  try {
    let answer;
    try {
      const list = new Headers();
      for (const [name, value] of JSON.parse(headers)) list.set(name, value);
      const init = { method, headers: list, redirect: "manual", signal: controller.signal };
      // A copy: `body` is a view of Rust's memory, which may change once this function has returned.
      if (body.byteLength > 0) init.body = body.slice();
      // A Request throws at once if the runtime does not send it; fetch would reject later.
      answer = model === undefined ? target.fetch(new Request(url, init)) : runModel(target, model, init);
    } catch (error) {
      return frame({ unsendable: String(error) });
    }
    let response;
    try {
      response = await answer;
    } catch (error) {
      return frame({ failed: [String(error), late] });
    }
    const read = await readBody(response, cap);
    const { status, headers: received } = response;
    const { truncated, error } = read;
    const head = { status, headers: [...received], truncated, body_error: error, late: late && !truncated };
    return frame({ response: head }, read);
  } finally {
    clearTimeout(timer);
  }
}
