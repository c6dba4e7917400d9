//! Longshore as `make dev` starts it, on free ports and in a separate folder.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use longshore_kit::client::eventually;
use longshore_kit::scratch::{Scratch, repository};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const READY_WITHIN: Duration = Duration::from_mins(1);
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// The line that `make dev` prints before the session.
const PASTE: &str = "Paste this into another shell:\n\n";

/// A running `make dev`.
pub(super) struct Dev {
    child: Child,
    log: PathBuf,
    /// The port of the receiver, which the pages know as 8788.
    receiver: String,
    /// The port of the receiver that the quickstart starts, 8790 in the pages.
    other: String,
    /// The session that it prints, and the line of it that sets the variables.
    pub(super) session: String,
    pub(super) export: String,
}

impl Dev {
    /// Starts it and waits for what it prints.
    pub(super) async fn start(scratch: &Scratch) -> Dev {
        let [data, printed, log] = ["data", "printed", "log"].map(|name| scratch.path().join(name));
        let file = |path| std::fs::File::create(path).unwrap();
        let node = repository().join("node_modules/.bin/node");
        let child = Command::new(node)
            .args(["tests/local/run.mjs", "--foreground", "--port", "0", "--receiver-port", "0", "--persist"])
            .arg(data)
            .current_dir(repository())
            .env("CI", "1")
            .stdin(Stdio::null())
            .stdout(file(&printed))
            .stderr(file(&log))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let session = eventually(READY_WITHIN, async || {
            let text = std::fs::read_to_string(&printed).unwrap();
            let (before, session) = text.split_once(PASTE)?;
            let receiver = before.split_once("answers 200 at http://127.0.0.1:")?.1;
            let receiver: String = receiver.chars().take_while(char::is_ascii_digit).collect();
            session.ends_with("\n\n").then(|| (receiver, session.to_owned()))
        });
        let failed = || panic!("it does not start: {}", std::fs::read_to_string(&log).unwrap());
        let (receiver, session) = session.await.unwrap_or_else(failed);
        let export = session.lines().next().unwrap().to_owned();
        // Free now; the quickstart's receiver takes it later.
        let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        Dev { child, log, receiver, other, session, export }
    }

    /// A block with these ports instead of those that the page names.
    pub(super) fn at_its_ports(&self, block: &str) -> String {
        block.replace("8788", &self.receiver).replace("8790", &self.other)
    }

    /// The last lines that the Workers logged.
    pub(super) fn end_of_log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// Ends it as Ctrl-C does.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-INT", &pid.to_string()]).status().await.unwrap();
        }
        assert!(timeout(STOP_WITHIN, self.child.wait()).await.is_ok(), "it ends soon");
    }
}
