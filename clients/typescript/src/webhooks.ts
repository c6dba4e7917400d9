// What a receiver needs: the check of a signature, and a handler of tasks.
import { Webhook, WebhookVerificationError } from "standardwebhooks";

export { WebhookVerificationError };

/** A signing secret, `whsec_...`, or several of which one must have signed. */
export type Secrets = string | readonly string[];

/**
 * Checks the signature of a webhook and returns its body, parsed as JSON.
 *
 * `body` must be what arrived, byte for byte. Throws a {@link WebhookVerificationError} if no secret has signed it, or
 * longer than 5 minutes ago. After a rotation both secrets sign for a day: any one of the two verifies.
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
      return JSON.parse(text);
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** A task to run. */
export interface Task<Payload = any> {
  /** The id of its job. */
  job: string;
  kind: string;
  /** Counts from 1. Send it with a late completion. */
  attempt: number;
  /** When the answer is due. */
  deadline: Date;
  payload: Payload;
}

/** What a handler returns to be asked again after this time, at no cost of an attempt. */
export class Snooze {
  readonly seconds: number;
  constructor(seconds: number) {
    this.seconds = seconds;
  }
}

/** What a handler returns if `POST /v1/jobs/{id}/complete` or `/fail` follows within this time, an hour by default. */
export class Deferred {
  readonly seconds: number;
  constructor(seconds = 3600) {
    this.seconds = seconds;
  }
}

export interface TaskHandlerOptions {
  /** The endpoint's signing secret. */
  secret: Secrets;
  /** Returns the job's result as JSON, a {@link Snooze} or a {@link Deferred}. Throw to have it tried again. */
  handle: (task: Task) => unknown;
}

/** Serves tasks by the fetch API: 401 for a wrong signature, 500 if `handle` throws, otherwise what it returns. */
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
