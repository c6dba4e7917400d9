// Lines that must not compile: `tsc` fails if one of them is not an error.
import type { Longshore, NewJob } from "longshore";

export function refused(longshore: Longshore): void {
  // @ts-expect-error Unknown member of a webhook's payload.
  void longshore.enqueue({ kind: "webhook", payload: { bogus: 1 } });
  // @ts-expect-error Not a task either, in spite of the endpoint: a task's kind has a dot.
  void longshore.enqueue({ kind: "webhook", endpoint: "orders", payload: { bogus: 1 } });
  // @ts-expect-error A task needs an endpoint.
  void longshore.enqueue({ kind: "text.count", payload: {} });
  // @ts-expect-error An unknown kind without a dot.
  void longshore.enqueue({ kind: "email", endpoint: "mail", payload: {} });
  // @ts-expect-error A webhook goes to an endpoint or to a url.
  void longshore.enqueue({ kind: "webhook", payload: { body: 1 } });
  // @ts-expect-error Jobs in bulk need a key.
  void longshore.enqueueMany([], {});
}

export const accepted: NewJob[] = [
  { kind: "webhook", endpoint: "orders", payload: { body: [1] } },
  { kind: "webhook", payload: { url: "https://example.com/", method: "PUT", body: null } },
  { kind: "text.count", endpoint: "example", payload: 7 },
  { kind: "embed", payload: { inputs: [{ id: "a", text: "b" }], output: "inline" } },
];
