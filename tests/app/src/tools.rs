//! What else `/app` can be run for: an image from scratch has no shell and no `cat`.
//!
//! `version`, `env NAME` (the value's exact bytes), `cat` (standard input to standard output), `exit CODE`,
//! `wait` (until a signal ends it), `words ARGS…` (each on a line of its own), `ask PATH` (of the app in the same
//! container; 0 when it answers 200), `reach HOST PORT` (the version of an app on the same network), `append FILE LINE`,
//! `raw` (what becomes of an attempt to send raw packets), `flood MB` (that much, in lines with their number, the last one
//! says `flooded`), `line MB` (that much in one line).

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, ipproto, socket};

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
        ("reach", [host, port]) => reach(host, port.parse().ok()?),
        ("append", [file, line]) => append(file, line),
        ("raw", []) => {
            println!("{}", raw());
            Ok(())
        }
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

/// Tries to come to raw packets: those of the link, by which ARP is forged, and those of IP.
pub(crate) fn raw() -> String {
    let attempts = [
        ("packet", AddressFamily::PACKET, None),
        ("icmp", AddressFamily::INET, Some(ipproto::ICMP)),
    ];
    let told = attempts.map(
        |(name, family, protocol)| match socket(family, SocketType::RAW, protocol) {
            Ok(_) => format!("{name}: open"),
            Err(Errno::PERM) => format!("{name}: EPERM"),
            Err(error) => format!("{name}: {error}"),
        },
    );
    told.join(", ")
}

/// What the app behind a name or an address says on a port.
pub(crate) fn version_of(host: &str, port: u16) -> io::Result<String> {
    let limit = Duration::from_secs(1);
    let place = (host, port).to_socket_addrs()?.next();
    let place = place.ok_or_else(|| io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&place, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(
        stream,
        "GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.ok_or_else(|| io::Error::other("no answer"))
}

fn reach(host: &str, port: u16) -> io::Result<()> {
    let version = version_of(host, port).inspect_err(|error| eprintln!("{error}"))?;
    println!("reached {version}");
    Ok(())
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
