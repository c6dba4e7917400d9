// The floor: a queue and a fetch, with nothing recorded.

/** Consumer requests at once, as many as Longshore's. */
const CONNECTIONS = 5;

export default {
  async fetch(request, env) {
    if (request.method === "GET") return new Response("ok");
    const jobs = await request.json();
    await env.JOBS.sendBatch(jobs.map((job) => ({ body: job })));
    return Response.json({ accepted: jobs.length }, { status: 202 });
  },

  async queue(batch, env) {
    const waiting = [...batch.messages];
    const run = async () => {
      for (let message = waiting.pop(); message; message = waiting.pop()) {
        const response = await fetch(env.DESTINATION, { method: "POST", body: JSON.stringify(message.body) });
        await response.text();
        message.ack();
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, run));
  },
};
