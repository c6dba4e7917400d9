// Applies migrations/ and migrations/index/ as `wrangler d1 migrations apply` does, with wrangler's splitter and
// wrangler's table, so that both agree on the applied migrations.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { unstable_splitSqlQuery as splitStatements } from "wrangler";
import { RunnerError } from "./error.mjs";

const createTable = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`;

/** Returns each database's binding and folder. An older checkout has no search database. */
export function databases(folder) {
  const index = path.join(folder, "index");
  return [["DB", folder], ...(existsSync(index) ? [["INDEX_DB", index]] : [])];
}

/** Digests of the migrations that created the local databases, in a file beside them. Migrations change until the first release. */
export class Made {
  constructor(persist) {
    this.file = path.join(persist, "migrations.json");
    this.persist = persist;
    this.digests = existsSync(this.file) ? JSON.parse(readFileSync(this.file, "utf8")) : {};
  }

  /** Throws if the migration has changed or is missing since the database was made. */
  check(database, file, text) {
    if (text !== undefined && this.digests[`${database}/${file}`] === digestOf(text)) return;
    throw new RunnerError(
      `The local database in ${this.persist} was made by another version of Longshore (${file} has changed), and there are no ` +
        `migrations between versions before the first release. Delete that folder and start again: its jobs are lost.`,
    );
  }

  note(database, file, text) {
    this.digests[`${database}/${file}`] = digestOf(text);
    writeFileSync(this.file, `${JSON.stringify(this.digests, null, 2)}\n`);
  }
}

function digestOf(text) {
  return createHash("sha256").update(text).digest("hex");
}

/** Applies the missing migrations, each in one batch together with its record. `batch` runs statements on D1. */
export async function migrate(database, folder, batch, made) {
  const [, applied] = await batch([{ sql: createTable }, { sql: 'SELECT name FROM "d1_migrations"' }]);
  const known = new Set(applied.rows.map(({ name }) => name));
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql")).sort();
  const textOf = (file) => (files.includes(file) ? readFileSync(path.join(folder, file), "utf8") : undefined);
  for (const file of known) made.check(database, file, textOf(file));
  for (const file of files.filter((file) => !known.has(file))) {
    const text = textOf(file);
    const record = { sql: 'INSERT INTO "d1_migrations" (name) VALUES (?1)', params: [file] };
    // Noted before the batch: if the process is killed in between, every applied migration still has its digest.
    made.note(database, file, text);
    await batch([...splitStatements(text).map((sql) => ({ sql })), record]);
  }
}
