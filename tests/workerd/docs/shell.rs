//! The shells of readers.

use std::process::{Command, Stdio};

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// The shell of most Linux systems.
    Bash,
    /// The shell of macOS. Interactively it takes no comments, and it treats more characters specially.
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

    /// Returns the arguments of an interactive shell without personal settings.
    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Shell::Bash => &["--norc", "--noprofile", "--noediting", "-i"],
            Shell::Zsh => &["-f", "-i"],
        }
    }

    /// Reports if the machine has this shell. A run without zsh needs `LONGSHORE_WITHOUT_ZSH`, which `rings.sh` sets if it
    /// cannot install zsh.
    pub(super) fn is_installed(self) -> bool {
        let version = Command::new(self.name()).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let is_installed = version.is_ok_and(|status| status.success());
        let may_lack = self == Shell::Zsh && std::env::var_os("LONGSHORE_WITHOUT_ZSH").is_some();
        assert!(
            is_installed || may_lack,
            "install {0}, or set LONGSHORE_WITHOUT_ZSH=1 to test without zsh",
            self.name()
        );
        is_installed
    }
}
