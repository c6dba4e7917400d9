// The error of a refused request, and the retries of requests that are safe to repeat.
import type { components } from "./generated/schema.js";

type Documented = components["schemas"]["Problem"];

/** A problem document (RFC 9457). Its type is `about:blank` if a proxy in front of Longshore responded. */
export type Problem = Omit<Documented, "type"> & { type: Documented["type"] | "about:blank" };

/** A refused request: `problem.type` names the reason, `problem.errors` the wrong fields. */
export class LongshoreError extends Error {
  override readonly name = "LongshoreError";
  readonly problem: Problem;
  /** Seconds to wait before a repeat, from `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** Returns the data of a response of the generated client, or throws its problem. */
export function unwrap<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  const { data, error, response } = answer;
  if (response.ok) return data as T;
  const isProblem = typeof error === "object" && error !== null && "type" in error && "errors" in error;
  const blank = {
    type: "about:blank",
    title: response.statusText,
    detail: String(error ?? ""),
    errors: [],
    request_id: "",
  };
  const problem = (isProblem ? error : { ...blank, status: response.status }) as Problem;
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  throw new LongshoreError(problem, Number.isFinite(seconds) ? seconds : undefined);
}

const ATTEMPTS_MAX = 5;
/** Maximum `Retry-After` to wait for, in seconds. With a longer one, such as until midnight, the error is thrown. */
const WAIT_SECONDS_MAX = 60;
const REPEATABLE = [429, 502, 503, 504];

/** Sends a request, up to 5 times if the connection breaks or the status is 429, 502, 503 or 504. */
export async function repeat<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const refused = error instanceof LongshoreError ? error : undefined;
      const seconds = refused?.retryAfter ?? 2 ** (attempt - 2) * (0.5 + Math.random());
      const isFinal = refused ? !REPEATABLE.includes(refused.problem.status) : (error as Error)?.name === "AbortError";
      if (isFinal || attempt === ATTEMPTS_MAX || seconds > WAIT_SECONDS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}
