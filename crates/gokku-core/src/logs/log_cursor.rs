//! A place in a container's log: after which piece to go on, so that none is lost or given twice.
//!
//! A log is in the order in which the engine wrote it, and read again it is in the same order. Its stamps are not: the
//! engine stamps the two streams separately, and the parts of a long line have one stamp. So a place is found again by
//! its stamp *and* its number among the pieces with this stamp, and what stands behind it comes after it, whatever
//! its stamp is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::app::release_id::ReleaseId;
use crate::machine::stream::Stream;

/// When a piece was printed, as the engine writes it: RFC 3339 in UTC with nine digits of a second, so that a later one
/// sorts after an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stamp(String);

/// Why a text is not a stamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the time of a line: it looks like 2024-01-15T11:30:00.000000000Z, with nine digits of a second"
)]
pub struct StampError(pub String);

impl Stamp {
    /// As the engine writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(&self) -> i64 {
        seconds(&self.0).unwrap_or(0)
    }
}

fn seconds(text: &str) -> Option<i64> {
    let fits = text.len() == 30
        && text
            .bytes()
            .zip(b"dddd-dd-ddTdd:dd:dd.dddddddddZ")
            .all(|(byte, want)| match want {
                b'd' => byte.is_ascii_digit(),
                want => byte == *want,
            });
    if !fits {
        return None;
    }
    // The same second as a release would be called that was born in it: the calendar is there.
    let digits: String = text[..19].chars().filter(char::is_ascii_digit).collect();
    let id: ReleaseId = format!("{}-{}", &digits[..8], &digits[8..]).parse().ok()?;
    Some(id.seconds())
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    fn from_str(text: &str) -> Result<Self, StampError> {
        match seconds(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(StampError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Stamp {
    type Error = StampError;

    fn try_from(text: String) -> Result<Self, StampError> {
        text.parse()
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.0
    }
}

/// A piece's place: `CONTAINER@AT`, with `#N` behind it when it is not the first of its container's pieces with this
/// stamp.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The container's id, or its first digits, twelve at least.
    pub container: String,
    /// The piece's stamp.
    pub at: Stamp,
    /// Which of the pieces with this stamp it is, counted from 1.
    pub nth: u32,
}

/// Why a text is not a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No `@`.
    #[error("{0:?} is not a place in a log: it looks like 0123456789ab@2024-01-15T11:30:00.000000000Z")]
    Shape(String),
    /// What stands before the `@`.
    #[error("{0:?} is not a container's id: it is the first 12 hexadecimal digits, or up to 64")]
    Container(String),
    /// What stands behind the `@`.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// What stands behind the `#`.
    #[error("{0:?} is not a line's number among those of the same time: it counts from 1")]
    Number(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.container, self.at)?;
        if self.nth > 1 {
            write!(f, "#{}", self.nth)?;
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (container, rest) = text
            .split_once('@')
            .ok_or_else(|| PlaceError::Shape(text.to_owned()))?;
        let hex = container
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hex || !(12..=64).contains(&container.len()) {
            return Err(PlaceError::Container(container.to_owned()));
        }
        let (at, nth) = match rest.split_once('#') {
            Some((at, number)) => {
                let nth = number.parse().ok().filter(|nth| *nth > 0);
                (at, nth.ok_or_else(|| PlaceError::Number(number.to_owned()))?)
            }
            None => (rest, 1),
        };
        Ok(Self {
            container: container.to_owned(),
            at: at.parse()?,
            nth,
        })
    }
}

/// Numbers the pieces of a container's log that have the same stamp.
///
/// A stream's stamps do not go back: of each only the latest is remembered.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    out: Option<(Stamp, u32)>,
    err: Option<(Stamp, u32)>,
}

impl Counter {
    /// The number of the next piece.
    pub fn count(&mut self, stream: Stream, at: &Stamp) -> u32 {
        let before = [&self.out, &self.err].into_iter().flatten();
        let before = before.filter(|(stamp, _)| stamp == at).map(|(_, nth)| *nth);
        let nth = before.max().unwrap_or(0).saturating_add(1);
        let latest = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        *latest = Some((at.clone(), nth));
        nth
    }
}

/// Finds a place in a log that is read, and later leaves out what stands before it.
#[derive(Clone, Debug)]
pub struct Search {
    place: Place,
    read: usize,
    /// The number that was found, and how many pieces end with it.
    found: Option<(u32, usize)>,
}

impl Search {
    /// Looks for this place.
    pub fn of(place: Place) -> Self {
        Self {
            place,
            read: 0,
            found: None,
        }
    }

    /// Looks at the next piece. The number asked for may be more than there are: then the last with the stamp is it.
    pub fn look(&mut self, at: &Stamp, nth: u32) {
        self.read += 1;
        if *at == self.place.at && nth <= self.place.nth {
            self.found = Some((nth, self.read));
        }
    }

    /// What comes after it, of the same log from the same beginning on.
    pub fn rest(self) -> After {
        match self.found {
            Some((nth, left)) => After::Piece {
                at: self.place.at,
                nth,
                left,
            },
            None => After::Time(self.place.at),
        }
    }
}

/// What is left out of a log that is read from before a place on.
#[derive(Clone, Debug)]
pub enum After {
    /// Nothing.
    Beginning,
    /// Everything up to the piece with this stamp and number, but no more than `left` pieces: where the log has lost
    /// its beginning meanwhile, the piece may have gone with it.
    Piece {
        /// Its stamp.
        at: Stamp,
        /// Its number.
        nth: u32,
        /// How many there are up to it.
        left: usize,
    },
    /// What is not later than this: the piece itself is not in the log.
    Time(Stamp),
}

impl After {
    /// Whether the next piece is one to give.
    pub fn gives(&mut self, at: &Stamp, nth: u32) -> bool {
        match self {
            Self::Beginning => true,
            Self::Time(last) => at > last,
            Self::Piece {
                at: last,
                nth: number,
                left,
            } => {
                *left = left.saturating_sub(1);
                if *left == 0 || (at == last && nth == *number) {
                    *self = Self::Beginning;
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: &str = "2024-01-15T11:30:00.000000001Z";

    fn stamp(nanos: u32) -> Stamp {
        format!("2024-01-15T11:30:00.{nanos:09}Z").parse().unwrap()
    }

    #[test]
    fn a_stamp_is_what_the_engine_writes() {
        assert_eq!(AT.parse::<Stamp>().unwrap().seconds(), 1_705_318_200);
        for wrong in [
            "",
            "2024-01-15T11:30:00Z",
            "2024-01-15T11:30:00.1Z",
            "2024-01-15T11:30:00.000000001+",
            "2024-02-30T11:30:00.000000001Z",
            "2024-01-15T24:30:00.000000001Z",
            "2024-01-15 11:30:00.000000001Z",
            "2024-01-15T11:30:00.00000000éZ",
        ] {
            assert_eq!(wrong.parse::<Stamp>(), Err(StampError(wrong.to_owned())));
        }
    }

    #[test]
    fn what_is_wrong_with_a_place_is_said() {
        let said = |text: &str| text.parse::<Place>().unwrap_err().to_string();
        insta::assert_snapshot!(said("yesterday"), @r#""yesterday" is not a place in a log: it looks like 0123456789ab@2024-01-15T11:30:00.000000000Z"#);
        insta::assert_snapshot!(said(&format!("api-blue@{AT}")), @r#""api-blue" is not a container's id: it is the first 12 hexadecimal digits, or up to 64"#);
        insta::assert_snapshot!(said(&format!("0123456789a@{AT}")), @r#""0123456789a" is not a container's id: it is the first 12 hexadecimal digits, or up to 64"#);
        insta::assert_snapshot!(said("0123456789ab@now"), @r#""now" is not the time of a line: it looks like 2024-01-15T11:30:00.000000000Z, with nine digits of a second"#);
        insta::assert_snapshot!(said(&format!("0123456789ab@{AT}#0")), @r#""0" is not a line's number among those of the same time: it counts from 1"#);
    }

    /// A log as the engine writes it: each stream's stamps do not go back, some are the same, and the streams are
    /// written as it happens. Both streams are not stamped in the same nanosecond.
    fn log() -> impl Strategy<Value = Vec<(Stream, Stamp)>> {
        prop::collection::vec((any::<bool>(), 0_u32..3), 0..40).prop_map(|steps| {
            let mut now = [0, 0];
            let pieces = steps.into_iter().map(|(err, step)| {
                let stream = if err { Stream::Err } else { Stream::Out };
                let now = &mut now[usize::from(err)];
                *now += step;
                (stream, stamp(*now * 2 + u32::from(err)))
            });
            pieces.collect()
        })
    }

    /// The pieces' numbers, by their index in the log.
    fn numbered(log: &[(Stream, Stamp)]) -> Vec<(Stamp, u32)> {
        let mut counter = Counter::default();
        log.iter()
            .map(|(stream, at)| (at.clone(), counter.count(*stream, at)))
            .collect()
    }

    /// What is given after a place: the pieces' indices.
    fn given(place: Place, log: &[(Stream, Stamp)]) -> Vec<usize> {
        let pieces = numbered(log);
        let mut search = Search::of(place);
        for (at, nth) in &pieces {
            search.look(at, *nth);
        }
        let mut after = search.rest();
        (0..pieces.len())
            .filter(|index| after.gives(&pieces[*index].0, pieces[*index].1))
            .collect()
    }

    fn place(at: Stamp, nth: u32) -> Place {
        Place {
            container: "0123456789ab".to_owned(),
            at,
            nth,
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_a_time() {
        let log: Vec<_> = [1, 3, 3, 5].map(|nanos| (Stream::Out, stamp(nanos))).into();
        assert_eq!(given(place(stamp(2), 1), &log), [1, 2, 3]);
        assert_eq!(given(place(stamp(0), 1), &log), [0, 1, 2, 3]);
        assert_eq!(given(place(stamp(9), 1), &log), [0; 0]);
        assert_eq!(given(place(stamp(3), u32::MAX), &log), [3]);
    }

    #[test]
    fn both_streams_are_counted_together() {
        let log: Vec<_> = [
            (Stream::Out, 1),
            (Stream::Err, 1),
            (Stream::Out, 1),
            (Stream::Out, 2),
        ]
        .map(|(stream, nanos)| (stream, stamp(nanos)))
        .into();
        let numbers: Vec<u32> = numbered(&log).into_iter().map(|(_, nth)| nth).collect();
        assert_eq!(numbers, [1, 2, 3, 1]);
        assert_eq!(given(place(stamp(1), 2), &log), [2, 3]);
    }

    #[test]
    fn nobody_looks_for_ever_for_what_has_gone_meanwhile() {
        let mut after = After::Piece {
            at: stamp(1),
            nth: 1,
            left: 2,
        };
        let given: Vec<bool> = (2..6).map(|nanos| after.gives(&stamp(nanos), 1)).collect();
        assert_eq!(given, [false, false, true, true]);
    }

    proptest! {
        #[test]
        fn a_place_is_read_as_it_is_written(container in "[0-9a-f]{12,64}", nanos in 0_u32..1_000_000_000, nth in 1_u32..) {
            let place = Place { container, at: stamp(nanos), nth };
            prop_assert_eq!(place.to_string().parse::<Place>(), Ok(place));
        }

        #[test]
        fn any_text_is_a_place_or_refused(text in "[0-9a-f]{0,13}@?.{0,40}#?[0-9]?") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse::<Place>(), Ok(place));
            }
        }

        /// Wherever a reader was cut off, what it goes on with is all that stands behind: none lost, none twice.
        #[test]
        fn after_every_piece_comes_the_next(log in log()) {
            for (index, (at, nth)) in numbered(&log).into_iter().enumerate() {
                let rest: Vec<usize> = (index + 1..log.len()).collect();
                prop_assert_eq!(given(place(at, nth), &log), rest);
            }
        }
    }
}
