//! `/ws`: a WebSocket (RFC 6455) that says the version in its first frame and then echoes.
//!
//! Its own SHA-1 (RFC 3174) and Base64 (RFC 4648), because the handshake asks for them and the app carries no
//! dependency for it. When the app stops, the client is told (close, 1001) and its own close is waited for.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::http::Request;
use crate::serve::LOOK;
use crate::state::State;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// How long a client may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves one connection to its end.
pub(crate) fn serve(
    state: &State,
    request: &Request,
    reader: &mut BufReader<&TcpStream>,
    stream: &TcpStream,
) -> io::Result<()> {
    let mut writer = stream;
    let Some(key) = request.header("sec-websocket-key") else {
        return writer
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let accept = accept_key(key);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nX-App-Version: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
        state.version
    );
    writer.write_all(head.as_bytes())?;
    send(writer, TEXT, state.version.as_bytes())?;
    let mut leaving: Option<Instant> = None;
    loop {
        if leaving.is_none() && state.is_stopping() {
            send(writer, CLOSE, &1001_u16.to_be_bytes())?;
            leaving = Some(Instant::now());
        }
        if leaving.is_some_and(|since| since.elapsed() > FAREWELL) {
            return Ok(());
        }
        stream.set_read_timeout(Some(LOOK))?;
        let waited = reader.fill_buf().map(<[u8]>::is_empty);
        stream.set_read_timeout(None)?;
        match waited {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => return Err(error),
        }
        let (kind, payload) = receive(reader)?;
        match kind {
            CLOSE if leaving.is_some() => return Ok(()),
            CLOSE => return send(writer, CLOSE, &payload),
            PING => send(writer, PONG, &payload)?,
            PONG => {}
            _ => send(writer, kind, &payload)?,
        }
    }
}

/// Reads one frame: its opcode, and its payload unmasked.
fn receive(reader: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let [first, second] = bytes(reader)?;
    let length = match second & 0x7f {
        126 => u64::from(u16::from_be_bytes(bytes(reader)?)),
        127 => u64::from_be_bytes(bytes(reader)?),
        length => u64::from(length),
    };
    let mask: [u8; 4] = if second & 0x80 == 0 {
        [0; 4]
    } else {
        bytes(reader)?
    };
    let mut payload = Vec::new();
    reader.take(length).read_to_end(&mut payload)?;
    if payload.len() as u64 != length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok((first & 0x0f, payload))
}

fn bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes one unmasked frame.
fn send(mut writer: impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![0x80 | kind];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frame.push(short),
        (_, Ok(middle)) => {
            frame.push(126);
            frame.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    writer.write_all(&frame)
}

fn accept_key(key: &str) -> String {
    base64(&sha1(format!("{key}{GUID}").as_bytes()))
}

#[expect(clippy::many_single_char_names, reason = "the standard's own names")]
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    let mut hash: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, chunk) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (round, word) in words.iter().enumerate() {
            let (mixed, constant) = match round {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mixed)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in hash.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(hash) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_u32, |group, at| {
            group << 8 | u32::from(chunk.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let six = (group >> (18 - 6 * at)) & 0x3f;
            text.push(if at > chunk.len() {
                '='
            } else {
                char::from(ALPHABET[six as usize])
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_accept_key_is_the_standards_own() {
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn frames_of_every_length_come_back() {
        for length in [0, 5, 125, 126, 65_535, 65_536] {
            let mut wire = Vec::new();
            send(&mut wire, TEXT, &vec![7; length]).unwrap();
            assert_eq!(receive(&mut wire.as_slice()).unwrap(), (TEXT, vec![7; length]));
        }
    }
}
