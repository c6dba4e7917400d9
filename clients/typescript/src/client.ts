// The client: the routes that most callers need, and the generated client for all others.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./generated/schema.js";
import { LongshoreError, type Problem, repeat, unwrap } from "./problem.js";

type Schemas = components["schemas"];
/** Kind of a task. It has a dot, so that a misspelt payload of another kind is not accepted as a task's. */
type WithDottedTask<J> = J extends { kind: infer K }
  ? string extends K
    ? J & { kind: `${string}.${string}` }
    : J
  : never;

/** A job to create. */
export type NewJob = WithDottedTask<Schemas["NewJob"]>;
/** A stored job, as it was accepted. */
export type AcceptedJob = Schemas["AcceptedJob"];
/** A job with its state, result and error. */
export type Job = Schemas["Job"];
/** Number of jobs with a label, by state. */
export type Group = Schemas["Group"];
/** Result of one job of many; `index` is its position among them. */
export type BatchResult = Schemas["BatchResult"];
/** Numbers of new, duplicate and rejected jobs. */
export type BatchSummary = Schemas["BatchSummary"];

/** URL of Longshore, an API key, and optionally another `fetch`. */
export interface LongshoreOptions {
  url: string;
  key: string;
  fetch?: (request: Request) => Promise<Response>;
}

/** Limits of a chunk of `enqueueMany`. Chunk keys depend on them: a repeat with other limits would create new jobs. */
const CHUNK_LINES_MAX = 1000;
const CHUNK_CHARACTERS_MAX = 4 * 1024 * 1024;
const WAIT_SECONDS_MAX = 30;

/** Client of one tenant. Error responses throw a {@link LongshoreError}. */
export class Longshore {
  /** Client generated from the OpenAPI document, with every route. */
  readonly raw: Client<paths>;

  constructor({ url, key, ...options }: LongshoreOptions) {
    this.raw = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` }, ...options });
  }

  /** Creates a job. With an idempotency key a repeat returns the same job, so broken connections are retried. */
  async enqueue(job: NewJob, { idempotencyKey = job.idempotency_key }: { idempotencyKey?: string | null } = {}) {
    // The generated type of a body has no null members.
    const body = { ...job, idempotency_key: idempotencyKey ?? null } as never;
    const send = async (): Promise<AcceptedJob> => unwrap(await this.raw.POST("/v1/jobs", { body }));
    return idempotencyKey ? repeat(send) : send();
  }

  /**
   * Creates any number of jobs and counts them; `onResult` gets the result of each.
   *
   * Only a chunk of 1,000 jobs or 4 MiB is in memory. Chunk n has the idempotency key `{key}-{n}`, and is sent again
   * when the connection breaks or after 429 and 503. If it still fails, this throws: call it again with the same key
   * and the same jobs in the same order, and no job is stored twice.
   */
  async enqueueMany(
    jobs: Iterable<NewJob> | AsyncIterable<NewJob>,
    { key, onResult }: { key: string; onResult?: (result: BatchResult) => void },
  ): Promise<BatchSummary> {
    const total = { accepted: 0, duplicates: 0, rejected: 0 };
    let [chunk, offset] = [0, 0];
    for await (const lines of chunks(jobs)) {
      const chunkKey = `"${`${key}-${chunk}`.replace(/["\\]/g, "\\$&")}"`;
      const { results, summary } = await repeat(() => this.#sendLines(lines, chunkKey));
      for (const result of results) onResult?.({ ...result, index: offset + result.index });
      total.accepted += summary.accepted;
      total.duplicates += summary.duplicates;
      total.rejected += summary.rejected;
      [chunk, offset] = [chunk + 1, offset + lines.length];
    }
    return total;
  }

  /** Sends a chunk. A response without a complete summary was interrupted. */
  async #sendLines(lines: string[], key: string): Promise<{ results: BatchResult[]; summary: BatchSummary }> {
    const headers = { "content-type": "application/x-ndjson", accept: "application/x-ndjson", "idempotency-key": key };
    const options = {
      body: lines.join("\n"),
      bodySerializer: (body: unknown) => body,
      headers,
      parseAs: "text",
    } as const;
    const answer: string = unwrap(await this.raw.POST("/v1/jobs/batch", options));
    const results = answer
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { summary, problem }: { summary?: BatchSummary; problem?: Problem | null } = results.pop();
    if (!summary) throw new TypeError("The response was interrupted before its summary.");
    if (problem) throw new LongshoreError(problem);
    return { results, summary };
  }

  /** Waits until a job has ended; throws a `TimeoutError` if that takes longer than `timeoutSeconds`. */
  async wait(id: string, { timeoutSeconds = 300 }: { timeoutSeconds?: number } = {}): Promise<Job> {
    const read = async (wait: number): Promise<Job> =>
      unwrap(await this.raw.GET("/v1/jobs/{id}", { params: { path: { id }, query: { wait } } }));
    return untilEnded(read, timeoutSeconds, (job) => `${id} is still ${job.state}`);
  }

  /** Waits until all jobs of a group have ended, which must have been sent before; throws as `wait` does. */
  async waitGroup(id: string, { timeoutSeconds = 300 }: { timeoutSeconds?: number } = {}): Promise<Group> {
    const read = async (wait: number): Promise<Group> =>
      unwrap(await this.raw.GET("/v1/groups/{id}", { params: { path: { id }, query: { wait } } }));
    return untilEnded(read, timeoutSeconds, (group) => `${id} still has open jobs (${group.open})`);
  }

  /** Closes a group: no more jobs come. When all its jobs have ended, `onFinished` gets one webhook; it is an endpoint. */
  async closeGroup(id: string, { onFinished }: { onFinished?: string } = {}): Promise<Group> {
    const body = onFinished === undefined ? {} : { on_finished: { endpoint: onFinished } };
    return repeat(async () => unwrap(await this.raw.POST("/v1/groups/{id}/close", { params: { path: { id } }, body })));
  }
}

/** Reads with `wait` until the end, or until the time is over. */
async function untilEnded<T extends { finished_at: string | null }>(
  read: (wait: number) => Promise<T>,
  timeoutSeconds: number,
  describe: (read: T) => string,
): Promise<T> {
  const end = Date.now() + timeoutSeconds * 1000;
  for (;;) {
    const wait = Math.min(WAIT_SECONDS_MAX, Math.max(0, Math.ceil((end - Date.now()) / 1000)));
    const found = await repeat(() => read(wait));
    if (found.finished_at !== null) return found;
    if (Date.now() >= end) throw new DOMException(`${describe(found)} after ${timeoutSeconds} s.`, "TimeoutError");
  }
}

/** Splits jobs into chunks of lines. */
async function* chunks(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): AsyncGenerator<string[]> {
  let [lines, characters]: [string[], number] = [[], 0];
  for await (const job of jobs) {
    const line = JSON.stringify(job);
    if (lines.length === CHUNK_LINES_MAX || (lines.length > 0 && characters + line.length > CHUNK_CHARACTERS_MAX)) {
      yield lines;
      [lines, characters] = [[], 0];
    }
    lines.push(line);
    characters += line.length;
  }
  if (lines.length > 0) yield lines;
}
