//! Terminal as a port: tests answer the questions.

use std::io::{IsTerminal, Write};

/// Prints lines and asks questions.
pub trait Terminal {
    /// Prints one line.
    fn say(&mut self, line: &str);

    /// Prompts for a line that is shown while it is typed; `None` without a terminal.
    fn ask(&mut self, question: &str) -> Option<String>;

    /// Prompts for a line that is hidden while it is typed; `None` without a terminal.
    fn ask_secret(&mut self, question: &str) -> Option<String>;
}

/// The real terminal.
#[derive(Debug, Clone, Copy)]
pub struct Console;

impl Terminal for Console {
    fn say(&mut self, line: &str) {
        // A closed output must not stop a deployment half way.
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
