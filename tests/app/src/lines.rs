//! A line server on a TCP port: it answers each line with its version and the line, until its client has said all.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Listens, and serves each connection on a thread, for as long as the process lives.
pub(crate) fn start(version: &str, address: &str, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((address, port))?;
    println!(
        "version {version} listens for lines on {}",
        listener.local_addr()?
    );
    let version = version.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let version = version.clone();
            // A connection the client broke is no matter to the app.
            thread::spawn(move || drop(answer(&version, &stream)));
        }
    });
    Ok(())
}

fn answer(version: &str, mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for line in BufReader::new(stream).lines() {
        stream.write_all(format!("{version} {}\n", line?).as_bytes())?;
    }
    Ok(())
}
