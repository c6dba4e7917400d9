// Provides the workerd process that Miniflare starts but does not expose: tests kill it, and it must not outlive the
// runner, even if the runner is killed by force. Import this before miniflare.
import childProcess from "node:child_process";
import path from "node:path";

// Waits until its standard input ends, which the kernel closes when the runner dies, and then kills the process in $1.
const reaper = 'cat >/dev/null; kill -9 "$1" 2>/dev/null';

let current;

/** Returns the process id of workerd; it changes when Miniflare restarts a workerd that died. */
export function workerdPid() {
  return current?.pid;
}

const { spawn } = childProcess;
childProcess.spawn = (command, ...rest) => {
  const child = spawn(command, ...rest);
  if (path.basename(String(command)).startsWith("workerd")) watch(child);
  return child;
};

function watch(child) {
  current = child;
  if (child.pid === undefined || process.platform === "win32") return;
  // Detached: Ctrl-C reaches the whole process group of the terminal, and the reaper must survive it.
  const options = { stdio: ["pipe", "ignore", "ignore"], detached: true };
  const guard = spawn("sh", ["-c", reaper, "reaper", String(child.pid)], options);
  guard.unref();
  // The id of an ended process may be reused.
  child.once("exit", () => guard.kill("SIGKILL"));
}
