//! The receiver as a separate process: it outlives every kill, and it alone writes its log.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Failure;
use longshore_kit::receiver::{LogFile, Receiver};

/// Internal subcommand that starts the receiver.
pub(super) const COMMAND: &str = "receive";
/// Number of destinations: Longshore sends each at most two requests at once from one invocation.
pub(super) const RECEIVERS: usize = 3;

/// Runs the receiver process: it prints its addresses, then reads `index secret` lines until its standard input ends.
pub(super) async fn serve(log: &Path) -> ExitCode {
    match receive(log).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the receiver stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn receive(log: &Path) -> std::io::Result<()> {
    let log = Arc::new(LogFile::append_to(log)?);
    let mut receivers = Vec::new();
    for _ in 0..RECEIVERS {
        receivers.push(Receiver::start_logging(Arc::clone(&log)).await?);
    }
    let urls: Vec<_> = receivers.iter().map(|receiver| receiver.url("")).collect();
    println!("{}", urls.join(" "));
    // Blocking: the receivers use the other threads.
    tokio::task::block_in_place(|| follow_orders(&receivers))
}

fn follow_orders(receivers: &[Receiver]) -> std::io::Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let known = line.split_once(' ').and_then(|(index, secret)| {
            let receiver = receivers.get(index.parse::<usize>().ok()?)?;
            receiver.trust("/", secret);
            Some(())
        });
        println!("{}", if known.is_some() { "trusted" } else { "unknown receiver" });
    }
    Ok(())
}

/// Handle of the receiver process, which ends with its parent, whose pipe is its standard input.
#[derive(Debug)]
pub(super) struct ReceiverProcess {
    _child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    urls: Vec<String>,
}

impl ReceiverProcess {
    /// Starts the receiver; `program` is the binary whose `main` knows [`COMMAND`].
    pub(super) async fn start(program: &Path, log: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .arg(COMMAND)
            .arg(log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(orders), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::unreadable("the receiver", "it has no pipes"));
        };
        let mut answers = BufReader::new(stdout).lines();
        let line = answers.next_line().await?.unwrap_or_default();
        let urls: Vec<_> = line.split(' ').map(|url| url.trim_end_matches('/').to_owned()).collect();
        if urls.len() != RECEIVERS {
            return Err(Failure::unreadable("the receiver's addresses", &line));
        }
        Ok(Self { _child: child, orders, answers, urls })
    }

    /// URL of a path at one of the receivers.
    pub(super) fn url(&self, receiver: usize, path: &str) -> String {
        format!("{}{path}", self.urls[receiver])
    }

    /// Makes that receiver verify requests with this secret.
    pub(super) async fn trust(&mut self, receiver: usize, secret: &str) -> Result<(), Failure> {
        self.orders.write_all(format!("{receiver} {secret}\n").as_bytes()).await?;
        match self.answers.next_line().await?.as_deref() {
            Some("trusted") => Ok(()),
            other => Err(Failure::unreadable("the receiver's answer", &format!("{other:?}"))),
        }
    }
}
