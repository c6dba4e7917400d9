// A Worker that exists in local runs only. It runs statements on D1 and calls on R2 and the queues for tests, inside
// the workerd of the producer and the consumer, so that a test sees what they see.

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/d1") return Response.json({ results: await batchOn(env, await request.json()) });
      if (pathname === "/d1/batches") return Response.json({ results: await batches(env.DB, await request.json()) });
      if (pathname === "/queue") return Response.json(await send(env, await request.json()));
      if (pathname === "/r2/put") return Response.json(await putObject(env.EVIDENCE, await request.json()));
      if (pathname === "/r2") return Response.json({ keys: await listKeys(env.EVIDENCE) });
      if (pathname.startsWith("/r2/")) return await readObject(env.EVIDENCE, decodeURIComponent(pathname.slice(4)));
      return Response.json({ error: `nothing at ${pathname}` }, { status: 404 });
    } catch (error) {
      // Status 200: the bridge worked, the binding refused. Callers distinguish this from a failing bridge.
      return Response.json({ error: String(error?.message ?? error) });
    }
  },
};

/** Runs one batch on the database of that binding. */
async function batchOn(env, { database, statements }) {
  if (!env[database]) throw new Error(`no database ${database}`);
  return batch(env[database], { statements });
}

async function batch(database, { statements }) {
  const results = await database.batch(
    statements.map(({ sql, params }) => {
      const statement = database.prepare(sql);
      return params?.length ? statement.bind(...params) : statement;
    }),
  );
  return results.map(({ results: rows, meta: { rows_read, rows_written, changes, size_after } }) => ({
    rows: rows ?? [],
    meta: { rows_read, rows_written, changes, size_after },
  }));
}

/** Runs one batch after the other. Returns the one column of each statement's rows, as text. */
async function batches(database, { batches }) {
  const answers = [];
  for (const statements of batches) {
    const results = await batch(database, { statements });
    answers.push(results.map(({ rows }) => rows.map((row) => String(Object.values(row)[0] ?? ""))));
  }
  return answers;
}

async function send(env, { body, queue }) {
  await (queue === "dead" ? env.DEAD : env.HINTS).send(body, { contentType: "text" });
  return { sent: true };
}

async function putObject(bucket, { key, text }) {
  await bucket.put(key, text);
  return { put: true };
}

async function listKeys(bucket) {
  const keys = [];
  let cursor;
  do {
    const page = await bucket.list({ cursor });
    keys.push(...page.objects.map(({ key }) => key));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return keys;
}

async function readObject(bucket, key) {
  const object = await bucket.get(key);
  if (!object) return Response.json({ error: `no object ${key}` }, { status: 404 });
  return new Response(object.body, { headers: { "content-type": "application/octet-stream" } });
}
