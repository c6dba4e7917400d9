//! The shells of readers.

use std::process::{Command, Stdio};

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// That of most Linux systems.
    Bash,
    /// That of macOS. It takes no comments from a person, and other characters are special.
    Zsh,
}

pub(super) const SHELLS: [Shell; 2] = [Shell::Bash, Shell::Zsh];

impl Shell {
    pub(super) fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
        }
    }

    /// The arguments of a shell that takes its input as a person's, without anybody's own settings.
    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Shell::Bash => &["--norc", "--noprofile", "--noediting", "-i"],
            Shell::Zsh => &["-f", "-i"],
        }
    }

    /// Whether the machine has it. A run without zsh must be wanted: `rings.sh` says so when it cannot be installed.
    pub(super) fn is_there(self) -> bool {
        let version = Command::new(self.name()).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let is_there = version.is_ok_and(|status| status.success());
        let may_lack = self == Shell::Zsh && std::env::var_os("LONGSHORE_WITHOUT_ZSH").is_some();
        assert!(is_there || may_lack, "install {0}, or set LONGSHORE_WITHOUT_ZSH=1 to test without zsh", self.name());
        is_there
    }
}
