// Helpers of receivers: verification of signatures, and a task handler.
import { Webhook, WebhookVerificationError } from "standardwebhooks";

export { WebhookVerificationError };

/** A signing secret, `whsec_...`, or several, one of which must match the signature. */
export type Secrets = string | readonly string[];

/**
 * Checks the signature of a webhook and returns its body: parsed if it is JSON, as text otherwise.
 *
 * `body` must be the received bytes without changes. Throws a {@link WebhookVerificationError} if no secret matches, or
 * if the signature is older than 5 minutes. Both secrets sign for 24 hours after a rotation: each of them verifies.
 */
export function verify(
  secrets: Secrets,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Uint8Array,
): unknown {
  const text = typeof body === "string" ? body : new TextDecoder("utf-8", { ignoreBOM: true }).decode(body);
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const plain = Object.fromEntries(entries.map(([name, value]) => [name, String(value ?? "")]));
  let failure: unknown = new WebhookVerificationError("No secret was given");
  for (const secret of [secrets].flat()) {
    try {
      new Webhook(secret).verify(text, plain, { jsonParse: false });
      return parsed(text);
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Returns the value of a JSON text, and any other text unchanged. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A task to run. */
export interface Task<Payload = any> {
  /** Id of its job. */
  job: string;
  kind: string;
  /** Number of the attempt, from 1. Send it with a later completion. */
  attempt: number;
  /** Time by which the response is due. */
  deadline: Date;
  payload: Payload;
}

/** Returned by a handler to get the task again after this time, without using up an attempt. */
export class Snooze {
  readonly seconds: number;
  constructor(seconds: number) {
    this.seconds = seconds;
  }
}

/** Returned by a handler that calls `POST /v1/jobs/{id}/complete` or `/fail` within this time, by default an hour. */
export class Deferred {
  readonly seconds: number;
  constructor(seconds = 3600) {
    this.seconds = seconds;
  }
}

export interface TaskHandlerOptions {
  /** Signing secret of the endpoint. */
  secret: Secrets;
  /** Returns the job's result as JSON, a {@link Snooze} or a {@link Deferred}. Throws to have the task retried. */
  handle: (task: Task) => unknown;
}

/** Creates a handler for the fetch API: 401 for a wrong signature, 500 if `handle` throws, otherwise its result. */
export function taskHandler({ secret, handle }: TaskHandlerOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const header = (name: string) => request.headers.get(`longshore-${name}`) ?? "";
    try {
      const payload = verify(secret, request.headers, new Uint8Array(await request.arrayBuffer()));
      const [attempt, deadline] = [Number(header("attempt")), new Date(header("deadline"))];
      return answer(await handle({ job: header("job"), kind: header("kind"), attempt, deadline, payload }));
    } catch (error) {
      if (error instanceof WebhookVerificationError) return new Response(error.message, { status: 401 });
      console.error(error);
      return new Response(String(error), { status: 500 });
    }
  };
}

function answer(result: unknown): Response {
  if (result instanceof Snooze) {
    return new Response(null, { status: 503, headers: { "retry-after": String(result.seconds) } });
  }
  if (result instanceof Deferred) {
    const seconds = String(result.seconds);
    return new Response(null, {
      status: 202,
      headers: { "longshore-completion": "deferred", "longshore-completion-seconds": seconds },
    });
  }
  return Response.json(result ?? null);
}
