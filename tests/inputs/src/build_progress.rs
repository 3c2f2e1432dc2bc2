//! What builds say: any message is read to its end, and lines are the same however they were cut into messages.

use gokku_docker::build::trace::Trace;

/// Checks bytes as messages, and as what a step says.
pub fn check(data: &[u8]) {
    let mut trace = Trace::default();
    trace.lines(&base64(data));
    if let Ok(text) = std::str::from_utf8(data) {
        trace.lines(text);
    }
    trace.rest();

    let cut = data
        .first()
        .map_or(0, |first| data.len() * usize::from(*first) / 256);
    let (before, after) = data.split_at(cut);
    let whole = said(&[data]);
    assert_eq!(said(&[before, after]), whole);
    assert_eq!(said(&[before, b"", after]), whole);
    let lines = String::from_utf8_lossy(data).matches('\n').count();
    assert!(whole.len() <= lines + 1, "more lines than were said");
}

/// The lines of a step that says this, in one message or several.
fn said(parts: &[&[u8]]) -> Vec<String> {
    let mut trace = Trace::default();
    let mut lines = Vec::new();
    let step = [field(1, b"digest"), field(3, b"[1/1] RUN"), field(5, b"")].concat();
    lines.extend(trace.lines(&base64(&field(1, &step))));
    assert_eq!(lines, ["[1/1] RUN"]);
    lines.clear();
    for part in parts {
        let log = [field(1, b"digest"), vec![3 << 3, 1], field(4, part)].concat();
        lines.extend(trace.lines(&base64(&field(3, &log))));
    }
    lines.extend(trace.rest());
    lines
}

/// A field with a length, as protobuf has it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f | 0x80).expect("a byte"));
        length >>= 7;
    }
    field.push(u8::try_from(length).expect("a byte"));
    field.extend_from_slice(bytes);
    field
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let held = three
            .iter()
            .fold(0_usize, |held, byte| held << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[held >> (18 - 6 * place) & 63]);
            text.push(if place <= three.len() { letter } else { '=' });
        }
    }
    text
}
