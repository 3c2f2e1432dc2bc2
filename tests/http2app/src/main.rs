//! An app that speaks HTTP/2 without TLS and nothing else, as gRPC's servers do: the stories' for that. Its version is the first
//! line of `/version` in its image.
//!
//! - `GET /health` is answered with 200;
//! - `POST /echo.Echo/Say` with what was sent, as it comes, and `version` and `grpc-status` in the trailers;
//! - everything else with the version.
//!
//! On SIGTERM it tells its clients to come again, and ends with its last request.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an app logs")]

use std::io;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select};
use h2::server::{self, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

fn main() -> io::Result<()> {
    Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(listen())
}

async fn listen() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok());
    let listener = TcpListener::bind(("0.0.0.0", port.unwrap_or(8080_u16))).await?;
    let mut stop = signal(SignalKind::terminate())?;
    let (stopping, told) = watch::channel(false);
    let mut connections = JoinSet::new();
    println!("version {} listens", version());
    // `select!` is a macro that is built as a library, which a program without any cannot be built with.
    while let Either::Left((accepted, _)) = select(pin!(listener.accept()), pin!(stop.recv())).await {
        let (stream, _) = accepted?;
        let told = told.clone();
        connections.spawn(async move {
            if let Err(error) = serve(stream, told).await {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
    println!("version {} stopped", version());
    Ok(())
}

fn version() -> String {
    let text = std::fs::read_to_string("/version").unwrap_or_default();
    text.lines().next().unwrap_or("none").to_owned()
}

async fn serve(stream: TcpStream, mut told: watch::Receiver<bool>) -> Result<(), h2::Error> {
    let mut connection = server::handshake(stream).await?;
    let mut requests = JoinSet::new();
    let mut left = false;
    loop {
        let accepted = if left {
            Some(connection.accept().await)
        } else {
            let stopped = told.wait_for(|told| *told);
            match select(pin!(connection.accept()), pin!(stopped)).await {
                Either::Left((accepted, _)) => Some(accepted),
                Either::Right(_) => None,
            }
        };
        let Some(accepted) = accepted else {
            left = true;
            connection.graceful_shutdown();
            continue;
        };
        let Some(accepted) = accepted else { return Ok(()) };
        let (request, respond) = accepted?;
        requests.spawn(async move {
            if let Err(error) = answer(request, respond).await {
                eprintln!("a request ended: {error}");
            }
        });
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let echoes = request.uri().path() == "/echo.Echo/Say";
    let mut response = Response::new(());
    if echoes {
        let kind = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", kind);
    }
    let mut body = respond.send_response(response, false)?;
    if !echoes {
        return body.send_data(format!("{}\n", version()).into(), true);
    }
    echo(request.into_body(), &mut body).await?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    if let Ok(version) = HeaderValue::try_from(version()) {
        trailers.insert("version", version);
    }
    body.send_trailers(trailers)
}

async fn echo(mut from: RecvStream, to: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    while let Some(piece) = from.data().await {
        let piece = piece?;
        from.flow_control().release_capacity(piece.len())?;
        to.send_data(piece, false)?;
    }
    Ok(())
}
