// Errors of the runner that a person can fix. The runner prints their message without a stack.

export class RunnerError extends Error {}
