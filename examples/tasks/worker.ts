// A Worker that runs tasks for Longshore. Deploy it to the same account and bind it to the consumer as HANDLER_EXAMPLE:
// it runs without a public URL, and only the consumer can call it.

/** Runs a task. Returns the result as JSON, or a status and headers. */
type Task = (payload: any, attempt: number) => Response | Promise<Response>;

const tasks: Record<string, Task> = {
  // The JSON body of a 2xx response is the job's result.
  "text.count": ({ text }) => {
    const words = String(text).split(/\s+/).filter(Boolean).length;
    return Response.json({ words, characters: String(text).length });
  },

  // Deferred: another system finishes the task and posts to /v1/jobs/{id}/complete or /fail within ten minutes.
  "report.build": () =>
    new Response(null, {
      status: 202,
      headers: { "longshore-completion": "deferred", "longshore-completion-seconds": "600" },
    }),

  // Snoozed: 429 or 503 with Retry-After costs no failure.
  "quota.spend": (_, attempt) =>
    attempt === 1
      ? new Response(null, { status: 503, headers: { "retry-after": "1" } })
      : Response.json({ spent: true }),

  // A task may take as long as its endpoint's timeout_seconds, at most ten minutes.
  "file.convert": async ({ seconds }) => {
    await scheduler.wait(Number(seconds) * 1000);
    return Response.json({ converted: true });
  },
};

declare const scheduler: { wait(milliseconds: number): Promise<void> };

export default {
  async fetch(request: Request): Promise<Response> {
    const task = tasks[request.headers.get("longshore-kind") ?? ""];
    // Every status but 2xx is retried, unless the endpoint dead-letters its error class.
    if (!task) return new Response("unknown task", { status: 404 });
    return task(await request.json(), Number(request.headers.get("longshore-attempt")));
  },
};
