// The table that docs/performance.md holds.

/** Figures: name, phase, property, digits, and if the table has its ratio to `bare`. */
const FIGURES = [
  ["single: accepts a second", "single", "accepts", 0, true],
  ["single: accept p50, ms", "single", "p50", 0, false],
  ["single: accept p99, ms", "single", "p99", 0, true],
  ["single: delivered a second", "single", "delivered", 0, true],
  ["single: CPU seconds for 10,000", "single", "cpu", 1, true],
  ["bulk: accepts a second", "bulk", "accepts", 0, false],
  ["bulk: delivered a second", "bulk", "delivered", 0, true],
  ["bulk: CPU seconds for 10,000", "bulk", "cpu", 1, true],
  ["idle: accept to delivery p50, ms", "idle", "wait", 0, false],
  ["first request of an isolate, ms", "first", "ms", 0, true],
  ["memory at the end, MB", "memory", "mb", 0, false],
];

/** Contender that ratios refer to. */
const FLOOR = "bare";

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Returns a Markdown table: a row for each figure with its median, the lowest and highest value, and its ratio to `bare`. */
export function table(results) {
  const names = Object.keys(results);
  const lines = [`| | ${names.join(" | ")} |`, `|---|${"---|".repeat(names.length)}`];
  for (const [title, phase, property, digits, hasRatio] of FIGURES) {
    const of = (name) => results[name].map((round) => round[phase][property]);
    const shown = (value) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    const cell = (name) => {
      const values = of(name);
      const spread = values.length > 1 ? ` (${shown(Math.min(...values))} to ${shown(Math.max(...values))})` : "";
      const ratio = hasRatio && name !== FLOOR ? ` **x${(median(values) / median(of(FLOOR))).toFixed(2)}**` : "";
      return shown(median(values)) + spread + ratio;
    };
    lines.push(`| ${title} | ${names.map(cell).join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}
