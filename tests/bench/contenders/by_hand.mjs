// What the platform's documentation leads to: a row for each job, an update for each transition, an object for each attempt.

/** Consumer requests at once, as many as Longshore's. */
const CONNECTIONS = 5;

async function attempt(env, job) {
  await env.DB.prepare("UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE id = ?").bind(job.id).run();
  const response = await fetch(env.DESTINATION, { method: "POST", body: JSON.stringify(job) });
  const evidence = { request: job, status: response.status, body: await response.text() };
  await env.EVIDENCE.put(`evidence/${job.id}`, JSON.stringify(evidence));
  const settle = "UPDATE jobs SET state = 'succeeded', finished_at = ? WHERE id = ?";
  await env.DB.prepare(settle).bind(Date.now(), job.id).run();
}

export default {
  async fetch(request, env) {
    if (request.method === "GET") return new Response("ok");
    const jobs = await request.json();
    const insert = env.DB.prepare("INSERT INTO jobs (id, payload, state, created_at) VALUES (?, ?, 'queued', ?)");
    for (const job of jobs) await insert.bind(job.id, JSON.stringify(job), Date.now()).run();
    await env.JOBS.sendBatch(jobs.map((job) => ({ body: job })));
    return Response.json({ accepted: jobs.length }, { status: 202 });
  },

  async queue(batch, env) {
    const waiting = [...batch.messages];
    const run = async () => {
      for (let message = waiting.pop(); message; message = waiting.pop()) {
        await attempt(env, message.body);
        message.ack();
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, run));
  },
};
