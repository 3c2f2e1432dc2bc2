//! The gokku program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gokku_cli::main()
}
