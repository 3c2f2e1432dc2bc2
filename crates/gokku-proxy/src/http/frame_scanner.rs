//! Follows the frames of a client's HTTP/2 connection (RFC 9113 section 4.1), as far as to know whether part of a request's head
//! has come: the HTTP library limits how large a head is, and not how long it takes. Reading and writing is `http2_io`'s.
//!
//! Nothing is changed, and what is not valid is the library's to refuse.

/// What a client sends before its first frame, RFC 9113 section 3.4.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a frame's own head is.
const FRAME_HEAD: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
/// The flag of the last frame of a head.
const END_HEADERS: u8 = 4;

/// The position of the next byte in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// In the preface, after this many bytes of it.
    Preface(usize),
    /// In a frame's own head, after this many bytes of it.
    Head([u8; FRAME_HEAD], usize),
    /// In a frame, with this many bytes to come; a request's head may end with it.
    Payload { left: usize, ends_head: bool },
}

/// Follows the frames.
#[derive(Debug)]
pub(crate) struct FrameScanner {
    position: Position,
    /// The bytes of a request's head that has begun and not ended.
    partial_head: usize,
    /// How many have ended.
    heads: u64,
}

impl FrameScanner {
    /// Creates one that is before the preface.
    pub(crate) fn new() -> Self {
        Self {
            position: Position::Preface(0),
            partial_head: 0,
            heads: 0,
        }
    }

    /// Returns how many bytes there are of a head that has begun and not ended. The preface counts as one.
    pub(crate) fn partial_head(&self) -> usize {
        self.partial_head
    }

    /// Returns how many heads have ended: the number of the one that comes.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Takes note of what has come.
    pub(crate) fn scan(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.step(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Takes note of the first of these bytes, at least of one; returns of how many.
    fn step(&mut self, bytes: &[u8]) -> usize {
        match self.position {
            Position::Preface(read) => {
                let taken = bytes.len().min(PREFACE.len() - read);
                self.partial_head += taken;
                self.position = Position::Preface(read + taken);
                if read + taken == PREFACE.len() {
                    self.end_head();
                    self.position = Position::Head([0; FRAME_HEAD], 0);
                }
                taken
            }
            Position::Head(mut head, read) => {
                let taken = bytes.len().min(FRAME_HEAD - read);
                head[read..read + taken].copy_from_slice(&bytes[..taken]);
                if self.partial_head > 0 {
                    self.partial_head += taken;
                }
                self.position = Position::Head(head, read + taken);
                if read + taken == FRAME_HEAD {
                    self.begin_frame(head);
                }
                taken
            }
            Position::Payload { left, ends_head } => {
                let taken = bytes.len().min(left);
                if self.partial_head > 0 {
                    self.partial_head += taken;
                }
                self.position = Position::Payload {
                    left: left - taken,
                    ends_head,
                };
                if left == taken {
                    self.end_frame(ends_head);
                }
                taken
            }
        }
    }

    fn begin_frame(&mut self, head: [u8; FRAME_HEAD]) {
        let [long, middle, short, kind, flags, ..] = head;
        let left = usize::from(long) << 16 | usize::from(middle) << 8 | usize::from(short);
        if kind == HEADERS && self.partial_head == 0 {
            self.partial_head = FRAME_HEAD;
        }
        let ends_head = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
        self.position = Position::Payload { left, ends_head };
        if left == 0 {
            self.end_frame(ends_head);
        }
    }

    fn end_frame(&mut self, ends_head: bool) {
        if ends_head {
            self.end_head();
        }
        self.position = Position::Head([0; FRAME_HEAD], 0);
    }

    fn end_head(&mut self) {
        self.partial_head = 0;
        self.heads += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    /// Whatever pieces the bytes come in, the same is known after each byte.
    #[test]
    fn what_is_known_after_each_byte() {
        let parts = [
            (PREFACE.to_vec(), true),
            (frame(4, 0, &[0; 12]), false),
            (frame(HEADERS, END_HEADERS | 1, b"abc"), true),
            (frame(0, 0, &[b'd'; 300]), false),
            (frame(HEADERS, 0, b"abc"), true),
            (frame(CONTINUATION, 0, b""), true),
            (frame(CONTINUATION, END_HEADERS, b"def"), true),
            // The flag of this number says something else of other frames.
            (frame(0, END_HEADERS, b"x"), false),
            (frame(HEADERS, END_HEADERS, b""), true),
        ];
        let mut bytes = Vec::new();
        let mut known = Vec::new();
        let (mut partial, mut heads) = (0, 0);
        for (at, (part, of_head)) in parts.iter().enumerate() {
            let ends = *of_head && !matches!(at, 4 | 5);
            for place in 1..=part.len() {
                // What a frame is stands in its own head.
                let is_known = at == 0 || partial > 0 || place >= FRAME_HEAD;
                if *of_head && is_known {
                    partial = if partial == 0 { place } else { partial + 1 };
                }
                if ends && place == part.len() {
                    (partial, heads) = (0, heads + 1);
                }
                known.push((partial, heads));
            }
            bytes.extend(part);
        }
        for size in [1, 2, 7, 24, 1000] {
            let mut scanner = FrameScanner::new();
            let mut at = 0;
            for piece in bytes.chunks(size) {
                scanner.scan(piece);
                at += piece.len();
                let seen = (scanner.partial_head(), scanner.heads());
                assert_eq!(seen, known[at - 1], "after {at} bytes, {size} at once");
            }
        }
    }
}
