//! Logs: one JSON line per event on the console, where Workers Logs and `wrangler tail` read it.

use std::io;

use tracing_subscriber::fmt::MakeWriter;
use worker::console_log;

/// Starts logging; a second call changes nothing.
pub fn start() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .without_time() // The platform stamps each line, and this target has no clock of its own.
        .with_target(false)
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(Console)
        .finish();
    // An error says that it was started before.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

#[derive(Clone, Copy)]
struct Console;

impl<'a> MakeWriter<'a> for Console {
    type Writer = Console;

    fn make_writer(&'a self) -> Console {
        Console
    }
}

impl io::Write for Console {
    /// The formatter writes a whole event at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        console_log!("{}", String::from_utf8_lossy(bytes).trim_end());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
