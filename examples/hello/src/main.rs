//! The smallest app to push: a static web server that answers `/health` and ends gracefully.
//!
//! Two things are worth copying. It listens on all addresses at `$PORT`, because it is reached from outside its
//! container. And it handles SIGTERM: it stops accepting, finishes the answers it has begun, and exits with 0.
#![allow(clippy::print_stdout, reason = "an app writes its log to standard output")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> io::Result<()> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(8080);
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    let stopping = Arc::new(AtomicBool::new(false));
    stop_on_signals(Arc::clone(&stopping), listener.local_addr()?)?;
    println!("hello listens on port {port}");

    let mut answering = Vec::new();
    while !stopping.load(Ordering::SeqCst) {
        // A client that left while it waited in the queue.
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        answering.retain(|thread: &thread::JoinHandle<_>| !thread.is_finished());
        answering.push(thread::spawn(move || answer(&stream)));
    }
    // What is still in the queue came before the signal, too.
    listener.set_nonblocking(true)?;
    while let Ok((stream, _)) = listener.accept() {
        answering.push(thread::spawn(move || answer(&stream)));
    }
    for thread in answering {
        // An answer that its client did not wait for is no reason to end badly.
        let _ = thread.join();
    }
    println!("hello ends");
    Ok(())
}

/// On a signal: remember it, and wake the accepting thread by one last connection.
fn stop_on_signals(stopping: Arc<AtomicBool>, listening: SocketAddr) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            stopping.store(true, Ordering::SeqCst);
            let _ = TcpStream::connect(listening);
        }
    });
    Ok(())
}

/// Reads one request and answers it; one connection for each keeps the example short.
fn answer(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let (status, body) = match request.split(' ').nth(1) {
        Some("/") => ("200 OK", "Hello from gokku!\n"),
        Some("/health") => ("200 OK", "healthy\n"),
        Some(_) => ("404 Not Found", "There is no such page.\n"),
        None => return Ok(()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = stream;
    stream.write_all(format!("{head}{body}").as_bytes())
}
