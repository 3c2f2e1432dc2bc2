//! `gokku completion`: a shell's completion script.

use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> u8 {
    clap_complete::generate(shell, &mut crate::command(), "gokku", &mut std::io::stdout());
    0
}
