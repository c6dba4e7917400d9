// A sketch of Longshore's design: one statement for each transition of a batch, one object for its evidence. It has no keys,
// no signatures, no leases and no retries.

/** Consumer requests at once, as many as Longshore's. */
const CONNECTIONS = 5;

const INSERT = `INSERT INTO jobs (id, payload, state, created_at)
  SELECT value ->> 'id', value, 'queued', ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`;
const CLAIM = `UPDATE jobs SET state = 'running', attempts = attempts + 1 FROM json_each(?1) i
  WHERE jobs.id = i.value AND jobs.state = 'queued' RETURNING id, payload`;
const SETTLE = "UPDATE jobs SET state = 'succeeded', finished_at = ?2 FROM json_each(?1) i WHERE jobs.id = i.value";

export default {
  async fetch(request, env) {
    if (request.method === "GET") return new Response("ok");
    const jobs = await request.json();
    await env.DB.prepare(INSERT).bind(JSON.stringify(jobs), Date.now()).run();
    await env.JOBS.send(jobs.map((job) => job.id));
    return Response.json({ accepted: jobs.length }, { status: 202 });
  },

  async queue(batch, env) {
    const ids = JSON.stringify(batch.messages.flatMap((message) => message.body));
    const waiting = (await env.DB.prepare(CLAIM).bind(ids).all()).results;
    const [settled, evidence] = [[], []];
    const run = async () => {
      for (let job = waiting.pop(); job; job = waiting.pop()) {
        const response = await fetch(env.DESTINATION, { method: "POST", body: job.payload });
        const body = await response.text();
        evidence.push(JSON.stringify({ id: job.id, request: job.payload, status: response.status, body }));
        settled.push(job.id);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, run));
    await env.EVIDENCE.put(`evidence/${crypto.randomUUID()}`, evidence.join("\n"));
    await env.DB.prepare(SETTLE).bind(JSON.stringify(settled), Date.now()).run();
    batch.ackAll();
  },
};
