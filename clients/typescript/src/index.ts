// Exports of the package.
export * from "./client.js";
export type { components, operations, paths } from "./generated/schema.js";
export { LongshoreError, type Problem } from "./problem.js";
export * from "./webhooks.js";
