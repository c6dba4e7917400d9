// Applies migrations/ and migrations/index/ as `wrangler d1 migrations apply` does, with wrangler's own splitter and in its
// own table, so that both agree on what has been applied.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { unstable_splitSqlQuery as splitStatements } from "wrangler";

const createTable = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`;

/** The databases by their bindings, and the folder of each. A checkout of before had no store of search. */
export function databases(folder) {
  const index = path.join(folder, "index");
  return [["DB", folder], ...(existsSync(index) ? [["INDEX_DB", index]] : [])];
}

/** Applies what is missing, each file in one batch together with its record. `batch` runs statements on D1. */
export async function migrate(folder, batch) {
  const [, applied] = await batch([{ sql: createTable }, { sql: 'SELECT name FROM "d1_migrations"' }]);
  const known = new Set(applied.rows.map(({ name }) => name));
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql")).sort();
  for (const file of files.filter((file) => !known.has(file))) {
    const statements = splitStatements(readFileSync(path.join(folder, file), "utf8"));
    const record = { sql: 'INSERT INTO "d1_migrations" (name) VALUES (?1)', params: [file] };
    await batch([...statements.map((sql) => ({ sql })), record]);
  }
}
