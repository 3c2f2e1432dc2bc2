//! What else `/app` can be run for: an image from scratch has no shell and no `cat`.
//!
//! `version`, `env NAME` (the value's exact bytes), `cat` (standard input to standard output), `exit CODE`,
//! `wait` (until a signal ends it), `words ARGS…` (each on a line of its own), `ask PATH` (of the app in the same
//! container; 0 when it answers 200), `append FILE LINE`, `flood MB` (that much, in lines with their number, the last one
//! says `flooded`), `line MB` (that much in one line).

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::ffi::OsStrExt;

use crate::state::State;

/// Runs a tool; its exit code, or none when the first word names none.
pub(crate) fn run(state: &State, words: &[String]) -> Option<i32> {
    let (tool, args) = words.split_first()?;
    let done = match (tool.as_str(), args) {
        ("version", []) => {
            println!("{}", state.version);
            Ok(())
        }
        ("env", [name]) => match std::env::var_os(name) {
            Some(value) => io::stdout().write_all(value.as_bytes()),
            None => return Some(1),
        },
        ("cat", []) => io::copy(&mut io::stdin(), &mut io::stdout()).map(drop),
        ("exit", [code]) => return code.parse().ok(),
        ("wait", []) => {
            println!("waiting");
            loop {
                std::thread::park();
            }
        }
        ("ask", [path]) => ask(path),
        ("append", [file, line]) => append(file, line),
        ("flood", [megabytes]) => flood(megabytes.parse().ok()?),
        ("line", [megabytes]) => line(megabytes.parse().ok()?),
        ("words", args) => {
            for word in args {
                println!("{word}");
            }
            Ok(())
        }
        _ => return None,
    };
    Some(i32::from(done.is_err()))
}

fn flood(megabytes: usize) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let words = "all work and no play makes the disk a full disk, ".repeat(2);
    for number in 0..(megabytes << 20) / words.len() {
        writeln!(out, "{number} {words}")?;
    }
    writeln!(out, "flooded")
}

fn line(megabytes: usize) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for _ in 0..megabytes << 10 {
        out.write_all(&[b'.'; 1024])?;
    }
    writeln!(out, "\nended")
}

/// Adds a line to a file, which is made when it is not there.
pub(crate) fn append(file: &str, line: &str) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(file)?;
    writeln!(file, "{line}")
}

fn ask(path: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 8080))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{}", answer.lines().next().unwrap_or_default());
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(io::Error::other("it is not healthy"))
    }
}
