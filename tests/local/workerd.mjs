// Keeps hold of the workerd process that Miniflare starts, which Miniflare itself does not show: tests kill it, and it
// must not outlive the runner, not even one that was killed by force. Import this before miniflare.
import childProcess from "node:child_process";
import path from "node:path";

// Waits until its standard input ends, which the kernel sees to when the runner dies, and then kills what it was given.
const reaper = 'cat >/dev/null; kill -9 "$1" 2>/dev/null';

let current;

/** The process id of workerd; it changes when Miniflare restarts a workerd that died. */
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
  // Detached: Ctrl-C reaches the whole group of the terminal, and the reaper must survive it.
  const options = { stdio: ["pipe", "ignore", "ignore"], detached: true };
  const guard = spawn("sh", ["-c", reaper, "reaper", String(child.pid)], options);
  guard.unref();
  // The id of a process that is gone may be given to another one.
  child.once("exit", () => guard.kill("SIGKILL"));
}
