//! Connections: accepted, served by a thread each, and ended gracefully on SIGTERM: queued ones are still
//! served, requests in flight are finished, idle connections are closed.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, sockopt};
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::http::Request;
use crate::lines;
use crate::routes;
use crate::state::State;

/// How often an idle connection looks whether the app is stopping.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Serves until SIGTERM, then until the last answer is written.
pub(crate) fn serve(state: &Arc<State>) -> io::Result<()> {
    let told = &state.behaviour;
    let listens_on = watch_for_sigterm(state)?;
    thread::sleep(told.slow_start);
    let address = told.listen.as_deref().unwrap_or("0.0.0.0");
    if let Some(port) = told.tcp {
        lines::start(&state.version, address, port)?;
    }
    if told.no_http {
        // SIGTERM ends it.
        loop {
            thread::park();
        }
    }
    let port = told
        .listen_port
        .or_else(|| std::env::var("PORT").ok()?.parse().ok())
        .unwrap_or(8080);
    let listener = match address.parse() {
        Ok(IpAddr::V6(address)) => only_ipv6(address, port)?,
        _ => TcpListener::bind((address, port))?,
    };
    let local = listener.local_addr()?;
    let _ = listens_on.set(local);
    println!("version {} listens on {local}", state.version);
    if let Some(after) = told.exit_after {
        thread::spawn(move || {
            thread::sleep(after);
            eprintln!("told to exit");
            std::process::exit(1);
        });
    }

    while !state.is_stopping() {
        if let Ok((stream, _)) = listener.accept() {
            spawn(state, stream);
        }
    }
    listener.set_nonblocking(true)?;
    while let Ok((stream, _)) = listener.accept() {
        spawn(state, stream);
    }
    drop(listener);
    state.wait_until_closed();
    Ok(())
}

/// Listens, and takes no IPv4.
fn only_ipv6(address: Ipv6Addr, port: u16) -> io::Result<TcpListener> {
    let socket = rustix::net::socket(AddressFamily::INET6, SocketType::STREAM, None)?;
    sockopt::set_ipv6_v6only(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddrV6::new(address, port, 0, 0))?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket.into())
}

/// Watches from the very start: the first process of a container has no default for SIGTERM, it would be lost.
fn watch_for_sigterm(state: &Arc<State>) -> io::Result<Arc<OnceLock<SocketAddr>>> {
    let listens_on = Arc::new(OnceLock::<SocketAddr>::new());
    let mut signals = Signals::new([SIGTERM])?;
    let (watching, local) = (Arc::clone(state), Arc::clone(&listens_on));
    thread::spawn(move || {
        for _ in signals.forever() {
            if watching.behaviour.ignore_sigterm {
                println!("SIGTERM ignored");
                continue;
            }
            println!("SIGTERM: finishing");
            watching.stop();
            match local.get() {
                // Wakes the accepting thread; it sees the end of this connection and no request.
                Some(local) => drop(TcpStream::connect(local)),
                None => std::process::exit(0),
            }
        }
    });
    Ok(listens_on)
}

fn spawn(state: &Arc<State>, stream: TcpStream) {
    let state = Arc::clone(state);
    state.opened();
    thread::spawn(move || {
        // A connection the client broke is no matter to the app.
        let _ = connection(&state, &stream);
        state.closed();
    });
}

/// Request after request, until one side has enough.
fn connection(state: &State, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let mut fresh = true;
    while wait_for_request(state, stream, &mut reader, fresh)? {
        fresh = false;
        let Some(mut request) = Request::read(&mut reader)? else {
            return Ok(());
        };
        let keep = routes::answer(state, &mut request, &mut reader, stream)?;
        if !keep {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a request begins. While it stops, an idle connection gets no more time, a fresh one (from the queue)
/// one last look.
fn wait_for_request(
    state: &State,
    stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    fresh: bool,
) -> io::Result<bool> {
    if !reader.buffer().is_empty() {
        return Ok(true);
    }
    stream.set_read_timeout(Some(LOOK))?;
    let mut last_look = !fresh;
    let begins = loop {
        let stopping = state.is_stopping();
        match reader.fill_buf() {
            Ok(bytes) => break !bytes.is_empty(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stopping && last_look {
                    break false;
                }
                last_look |= stopping;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    stream.set_read_timeout(None)?;
    Ok(begins)
}
