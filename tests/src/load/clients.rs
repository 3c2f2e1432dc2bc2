//! What each kind of client does, and how it judges an answer.

use std::thread;
use std::time::{Duration, Instant};

use super::report::{Ended, Kind};
use super::{LoadPlan, Shared};
use crate::http::{Answer, Connection, Failure};

/// A client's life: request after request until the load stops.
pub(super) fn run(kind: Kind, shared: &Shared) {
    let mut kept = None;
    let body = vec![
        b'u';
        if kind == Kind::Upload {
            shared.plan.upload_bytes
        } else {
            0
        }
    ];
    while !shared.is_stopping() {
        let sent_at = Instant::now();
        let ended = match kind {
            Kind::KeepAlive => keep_alive(&shared.plan, &mut kept),
            Kind::WebSocket => web_socket(shared),
            _ => once(kind, &shared.plan, &body),
        };
        let failed = !matches!(ended, Ended::Answered { .. });
        shared.report().add(kind, sent_at, ended);
        // A failing server is asked again, but not as fast as the machine can.
        let rest = if failed {
            Duration::from_millis(20)
        } else {
            rest(kind, &shared.plan)
        };
        if !rest.is_zero() {
            thread::sleep(rest);
        }
    }
}

fn rest(kind: Kind, plan: &LoadPlan) -> Duration {
    match kind {
        Kind::KeepAlive | Kind::Fresh => plan.rest,
        Kind::Upload => plan.rest * 10,
        _ => Duration::ZERO,
    }
}

/// One request on the kept connection; a connection the server closed without a word is a failure of the server:
/// the request had been sent.
fn keep_alive(plan: &LoadPlan, kept: &mut Option<Connection>) -> Ended {
    let connection = kept.take().map_or_else(|| plan.open(), Ok);
    let mut connection = match connection {
        Ok(connection) => connection,
        Err(failure) => return Ended::Failed(failure),
    };
    match connection.request("GET", "/version", &[], b"") {
        Ok(answer) => {
            if !answer.closes() {
                *kept = Some(connection);
            }
            judge(plan, &answer, |answer, version| answer.body == version.as_bytes())
        }
        Err(failure) => Ended::Failed(failure),
    }
}

/// One request on a connection of its own.
fn once(kind: Kind, plan: &LoadPlan, body: &[u8]) -> Ended {
    const CHUNKS: usize = 10;
    let close = [("Connection", "close")];
    let asked = plan.open().and_then(|mut connection| match kind {
        Kind::Upload => connection.request("POST", "/upload", &close, body),
        Kind::Slow => connection.request("GET", &format!("/slow?ms={}", plan.slow_ms), &close, b""),
        Kind::Stream => connection.request("GET", &format!("/stream?chunks={CHUNKS}&ms=50"), &close, b""),
        _ => connection.request("GET", "/version", &close, b""),
    });
    match asked {
        Ok(answer) => judge(plan, &answer, |answer, version| match kind {
            Kind::Upload => answer.text() == format!("{} {version}", plan.upload_bytes),
            Kind::Stream => {
                let lines: Vec<_> = (0..CHUNKS)
                    .map(|number| format!("{number} {version}\n"))
                    .collect();
                answer.text() == lines.concat()
            }
            _ => answer.body == version.as_bytes(),
        }),
        Err(failure) => Ended::Failed(failure),
    }
}

/// Whether the answer is the app's, and the right one.
fn judge(plan: &LoadPlan, answer: &Answer, right: impl Fn(&Answer, &str) -> bool) -> Ended {
    let of_file = (plan.files && answer.status == 200).then(|| answer.text());
    let Some(version) = answer.version().or(of_file.as_deref()) else {
        let start: String = answer.text().chars().take(200).collect();
        return Ended::Foreign {
            status: answer.status,
            body: start,
        };
    };
    if answer.status != 200 || !right(answer, version) {
        let start: String = answer.text().chars().take(200).collect();
        return Ended::Wrong(format!("status {} from {version}: {start:?}", answer.status));
    }
    Ended::Answered {
        version: version.to_owned(),
        head_at: answer.head_at,
    }
}

/// Opens a WebSocket, exchanges echoes, closes it. The server may close it too, but must say so.
fn web_socket(shared: &Shared) -> Ended {
    let plan = &shared.plan;
    let opened = plan.open().and_then(|mut connection| {
        let headers = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "Z29ra3UgdGVzdCBrZXkxIQ=="),
        ];
        let answer = connection.request("GET", "/ws", &headers, b"")?;
        Ok((connection, answer))
    });
    let (mut connection, answer) = match opened {
        Ok(opened) => opened,
        Err(failure) => return Ended::Failed(failure),
    };
    if answer.status != 101 {
        return match judge(plan, &answer, |_, _| false) {
            Ended::Answered { .. } => Ended::Wrong("not upgraded".to_owned()),
            ended => ended,
        };
    }
    let spoken = speak(shared, &mut connection, &answer);
    spoken.unwrap_or_else(Ended::Failed)
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

fn speak(shared: &Shared, connection: &mut Connection, answer: &Answer) -> Result<Ended, Failure> {
    let plan = &shared.plan;
    let Some(version) = answer.version() else {
        return Ok(Ended::Foreign {
            status: 101,
            body: String::new(),
        });
    };
    let answered = || Ended::Answered {
        version: version.to_owned(),
        head_at: answer.head_at,
    };
    let first = receive(connection)?;
    if first != (TEXT, version.as_bytes().to_vec()) {
        return Ok(Ended::Wrong(format!("the first frame was {first:?}")));
    }
    for number in 0..plan.echoes {
        if shared.is_stopping() {
            break;
        }
        // The rest between two echoes ends early when the server has something to say: that it is leaving.
        if connection.has_news(plan.echo_rest) {
            return farewell(connection).map(|()| answered());
        }
        let text = format!("echo {number}");
        send(connection, TEXT, text.as_bytes())?;
        match receive(connection)? {
            (TEXT, echo) if echo == text.as_bytes() => {}
            (CLOSE, _) => {
                // The server's close and our text crossed; it is answered like any other.
                let _ = send(connection, CLOSE, &1000_u16.to_be_bytes());
                return Ok(answered());
            }
            other => return Ok(Ended::Wrong(format!("an echo was {other:?}"))),
        }
    }
    send(connection, CLOSE, &1000_u16.to_be_bytes())?;
    match receive(connection)? {
        (CLOSE, _) => Ok(answered()),
        other => Ok(Ended::Wrong(format!("instead of a close came {other:?}"))),
    }
}

/// The server spoke unasked: it must be a close, which is answered.
fn farewell(connection: &mut Connection) -> Result<(), Failure> {
    match receive(connection)? {
        (CLOSE, _) => {
            let _ = send(connection, CLOSE, &1001_u16.to_be_bytes());
            Ok(())
        }
        other => Err(Failure::Garbled(format!("an unasked frame: {other:?}"))),
    }
}

/// Writes one short masked frame (RFC 6455, section 5.2). The mask may be any; this one changes every byte.
fn send(connection: &mut Connection, kind: u8, payload: &[u8]) -> Result<(), Failure> {
    const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
    let length = u8::try_from(payload.len()).unwrap_or(125).min(125);
    let mut frame = vec![0x80 | kind, 0x80 | length];
    frame.extend_from_slice(&MASK);
    frame.extend(
        payload
            .iter()
            .take(length.into())
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    connection.write(&frame)
}

/// Reads one short frame.
fn receive(connection: &mut Connection) -> Result<(u8, Vec<u8>), Failure> {
    let head = connection.read(2)?;
    let payload = connection.read(usize::from(head[1] & 0x7f))?;
    Ok((head[0] & 0x0f, payload))
}
