//! A session of an interactive shell, block by block.

use std::process::Stdio;
use std::time::Duration;

use longshore_kit::scratch::repository;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::docs::shell::Shell;

/// Longer than any block takes: a few waits of 30 s. A block that does not end, or leaves a quote open, has failed then.
pub(super) const BLOCK_WITHIN: Duration = Duration::from_mins(3);
const END: &str = "longshore-end-of-block";
/// Turns off prompts, and zsh's sign after output that does not end with a line break.
const QUIET: &str = "PS1= PS2= PROMPT= RPROMPT= PROMPT_EOL_MARK=; unset HISTFILE
[ -z \"$ZSH_VERSION\" ] || unsetopt promptsp promptcr\n";

/// Output of a block, and the status of its last command.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: u8,
    pub(super) stdout: String,
    /// Standard error, without the shell's messages about background jobs.
    pub(super) stderr: String,
}

/// A shell that runs.
pub(super) struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: Printed<ChildStdout>,
    stderr: Printed<ChildStderr>,
    is_quiet: bool,
    within: Duration,
}

impl Session {
    /// Starts the shell at the root of the repository, with the clients and the Node that the project installs.
    pub(super) fn start(shell: Shell, within: Duration) -> Session {
        let bins = [".tools/python/bin", "node_modules/.bin"].map(|bin| repository().join(bin));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(bins.into_iter().chain(std::env::split_paths(&path))).unwrap();
        let mut child = Command::new(shell.name())
            .args(shell.arguments())
            .current_dir(repository())
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = (Printed::of(stdout.unwrap()), Printed::of(stderr.unwrap()));
        Session { child, stdin: stdin.unwrap(), stdout, stderr, is_quiet: false, within }
    }

    /// Pastes a text and returns its output.
    pub(super) async fn run(&mut self, text: &str) -> Result<Output, String> {
        if !self.is_quiet {
            self.is_quiet = true;
            self.paste(QUIET).await?;
        }
        self.paste(text).await
    }

    async fn paste(&mut self, text: &str) -> Result<Output, String> {
        let end = format!("printf '\\n{END} %s\\n' \"$?\"; printf '\\n{END} 0\\n' >&2\n");
        let all = format!("{}\n{end}", text.trim_end());
        self.stdin.write_all(all.as_bytes()).await.map_err(|error| error.to_string())?;
        let printed = timeout(self.within, async { tokio::join!(self.stdout.block(), self.stderr.block()) }).await;
        let Ok((Some((stdout, status)), Some((stderr, _)))) = printed else {
            let [stdout, stderr] = [&self.stdout.unread, &self.stderr.unread].map(|it| String::from_utf8_lossy(it));
            return Err(format!("it does not end; stdout: {stdout}\nstderr: {stderr}"));
        };
        let is_of_job = |line: &str| line.starts_with('[') && line[1..].starts_with(|it: char| it.is_ascii_digit());
        let stderr: Vec<_> = stderr.lines().filter(|line| !is_of_job(line) && !line.is_empty()).collect();
        Ok(Output { status, stdout, stderr: stderr.join("\n") })
    }

    /// Ends the shell.
    pub(super) async fn end(mut self) {
        // Fails if the shell has ended already, which is fine.
        let _ = self.stdin.write_all(b"exit\n").await;
        let _ = timeout(self.within, self.child.wait()).await;
    }
}

/// Text that a stream has printed.
struct Printed<R> {
    stream: R,
    unread: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Printed<R> {
    fn of(stream: R) -> Self {
        Printed { stream, unread: Vec::new() }
    }

    /// The text of a block and the number at its end; `None` if the stream ends before.
    async fn block(&mut self) -> Option<(String, u8)> {
        loop {
            let text = String::from_utf8_lossy(&self.unread);
            if let Some((block, rest)) = text.split_once(&format!("\n{END} "))
                && let Some((status, rest)) = rest.split_once('\n')
            {
                let found = (block.to_owned(), status.parse().ok()?);
                self.unread = rest.as_bytes().to_vec();
                return Some(found);
            }
            if self.stream.read_buf(&mut self.unread).await.ok()? == 0 {
                return None;
            }
        }
    }
}
