//! A piece of what an app printed, with where it comes from: what a line of `gokku logs --json` says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::app::process_key::ProcessKey;
use crate::app::release_id::ReleaseId;
use crate::app::slot::Slot;
use crate::logs::log_cursor::{LogCursor, Stamp};
use crate::machine::stream::Stream;

/// A piece of what an app printed: mostly a line with its end. The engine cuts a line of more than 16 KiB into parts,
/// which all have the line's stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct AppLine {
    /// When it was printed.
    pub at: Stamp,
    /// Which of its container's pieces with this stamp it is, counted from 1.
    pub nth: u32,
    /// The release that printed it.
    pub release: Option<ReleaseId>,
    /// Its container: the first twelve digits of the id.
    pub container: String,
    /// The container's slot, by its name when the piece was read.
    pub slot: Option<Slot>,
    /// The process that the container runs; none from a server that does not tell.
    pub process: Option<ProcessKey>,
    /// Where it was printed.
    pub stream: Stream,
    /// What, with the line's end where that is in the piece.
    pub bytes: Vec<u8>,
}

impl AppLine {
    /// Returns where it stands in its container's log: `gokku logs --resume` goes on after it.
    pub fn cursor(&self) -> LogCursor {
        LogCursor {
            container: self.container.clone(),
            at: self.at.clone(),
            nth: self.nth,
        }
    }
}

/// The piece as JSON has it: text where it is text.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    at: Stamp,
    #[serde(default = "first", skip_serializing_if = "is_first")]
    nth: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseId>,
    container: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<ProcessKey>,
    stream: Stream,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_first(nth: &u32) -> bool {
    *nth == 1
}

impl From<AppLine> for Written {
    fn from(piece: AppLine) -> Self {
        let mut content = piece.bytes;
        let partial = content.pop_if(|last| *last == b'\n').is_none();
        let (line, bytes) = match String::from_utf8(content) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(BASE64.encode(error.as_bytes()))),
        };
        Self {
            at: piece.at,
            nth: piece.nth,
            release: piece.release,
            container: piece.container,
            slot: piece.slot,
            process: piece.process,
            stream: piece.stream,
            line,
            bytes,
            partial,
        }
    }
}

impl TryFrom<Written> for AppLine {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut bytes = match (written.line, written.bytes) {
            (Some(line), None) => line.into_bytes(),
            (None, Some(bytes)) => BASE64.decode(bytes).map_err(|_| "bytes is not base64")?,
            _ => return Err("a piece has either line or bytes".to_owned()),
        };
        if !written.partial {
            bytes.push(b'\n');
        }
        Ok(Self {
            at: written.at,
            nth: written.nth,
            release: written.release,
            container: written.container,
            slot: written.slot,
            process: written.process,
            stream: written.stream,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(bytes: &[u8]) -> AppLine {
        AppLine {
            at: "2024-01-15T11:30:00.000000001Z".parse().unwrap(),
            nth: 1,
            release: Some("20240115-113000".parse().unwrap()),
            container: "0123456789ab".to_owned(),
            slot: Some(Slot::Blue),
            process: Some(ProcessKey::first_web()),
            stream: Stream::Out,
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn a_line_is_text_a_part_says_so_and_other_bytes_are_base64() {
        let json = |piece: &AppLine| serde_json::to_string(piece).unwrap();
        insta::assert_snapshot!(json(&piece(b"hello \"you\"\n")), @r#"{"at":"2024-01-15T11:30:00.000000001Z","release":"20240115-113000","container":"0123456789ab","slot":"blue","process":"web-1","stream":"stdout","line":"hello \"you\""}"#);
        let part = AppLine {
            nth: 2,
            stream: Stream::Err,
            slot: Some(Slot::Green),
            ..piece(b"no end")
        };
        insta::assert_snapshot!(json(&part), @r#"{"at":"2024-01-15T11:30:00.000000001Z","nth":2,"release":"20240115-113000","container":"0123456789ab","slot":"green","process":"web-1","stream":"stderr","line":"no end","partial":true}"#);
        let unknown = AppLine {
            release: None,
            slot: None,
            process: None,
            ..piece(b"\xff\n")
        };
        insta::assert_snapshot!(json(&unknown), @r#"{"at":"2024-01-15T11:30:00.000000001Z","container":"0123456789ab","stream":"stdout","bytes":"/w=="}"#);
    }

    #[test]
    fn what_is_neither_text_nor_bytes_is_refused() {
        for wrong in ["", r#","line":"a","bytes":"Zg==""#, r#","bytes":"-""#] {
            let json = format!(
                r#"{{"at":"2024-01-15T11:30:00.000000001Z","container":"0123456789ab","stream":"stdout"{wrong}}}"#
            );
            serde_json::from_str::<AppLine>(&json).unwrap_err();
        }
    }

    #[test]
    fn a_place_is_the_pieces_own() {
        let second = AppLine { nth: 2, ..piece(b"") };
        assert_eq!(
            second.cursor().to_string(),
            "0123456789ab@2024-01-15T11:30:00.000000001Z#2"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bytes in prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)],
            ended: bool,
            err: bool,
            nth in 1_u32..,
        ) {
            let mut piece = piece(&bytes);
            piece.nth = nth;
            if ended {
                piece.bytes.push(b'\n');
            }
            if err {
                piece.stream = Stream::Err;
            }
            let json = serde_json::to_string(&piece).unwrap();
            prop_assert!(!json.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<AppLine>(&json).unwrap(), piece);
        }
    }
}
