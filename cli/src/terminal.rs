//! The person before the command, as a port: tests answer in their place.

use std::io::{IsTerminal, Write};

/// Says lines and asks questions.
pub trait Terminal {
    /// Shows one line.
    fn say(&mut self, line: &str);

    /// Asks for a line in the open; `None` if nobody is there.
    fn ask(&mut self, question: &str) -> Option<String>;

    /// Asks for a line that is not shown while it is typed; `None` if nobody is there.
    fn ask_secret(&mut self, question: &str) -> Option<String>;
}

/// The real terminal.
#[derive(Debug, Clone, Copy)]
pub struct Console;

impl Terminal for Console {
    fn say(&mut self, line: &str) {
        // A reader that went away is no reason to stop half way through a deployment.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        print!("{question} ");
        std::io::stdout().flush().ok()?;
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim().to_owned())
    }

    fn ask_secret(&mut self, question: &str) -> Option<String> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        rpassword::prompt_password(format!("{question} ")).ok().map(|line| line.trim().to_owned())
    }
}
