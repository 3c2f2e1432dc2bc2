//! Room on the disks: what a build needs of it, by what the last ones took, and whether there is enough.
//!
//! There are two disks, which may be one: the engine's, for images and the build cache, and the one of the server's folder,
//! for code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::release::record::Record;
use crate::text::size::{Size, number};

/// What a release took, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Its code.
    pub code: u64,
    /// Its whole image, whatever of it others share.
    pub image: u64,
    /// By how much the free space of the engine's disk shrank while it was built: the build cache is in it, and what others
    /// wrote meanwhile.
    pub build: u64,
}

/// What a build needs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Of the server's disk, for the code.
    pub root: u64,
    /// Of the engine's, for image and build cache.
    pub engine: u64,
    /// What is to stay free of each.
    pub reserve: u64,
}

/// Returns what the next build needs, by the records of the former ones, oldest first. An image may be new as a whole.
/// More than that is believed only of what two builds have taken, one after the other: free space tells what went, and
/// not to whom. Without a reserve nothing is asked for.
pub fn need(records: &[Record], reserve: u64) -> Need {
    if reserve == 0 {
        return Need::default();
    }
    let mut taken = records.iter().rev().filter_map(|record| record.disk);
    let last = taken.next().unwrap_or_default();
    let twice = taken.next().map_or(0, |before| before.build.min(last.build));
    Need {
        root: last.code,
        engine: last.image.max(twice),
        reserve,
    }
}

/// What is free, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The engine's data and the server's folder are on one disk.
    One(u64),
    /// They are on two.
    Two {
        /// The server's.
        root: u64,
        /// The engine's.
        engine: u64,
    },
}

/// Which disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The one of the server's folder alone.
    Root,
    /// The engine's, which may be the server's, too.
    Engine,
}

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Where.
    pub place: Place,
    /// What is free there.
    #[serde(with = "number")]
    pub free: Size,
    /// What a build takes there.
    #[serde(with = "number")]
    pub takes: Size,
    /// What is to stay free there.
    #[serde(with = "number")]
    pub reserve: Size,
}

impl Shortage {
    /// Returns how much is needed.
    pub fn needed(&self) -> Size {
        Size(self.takes.0.saturating_add(self.reserve.0))
    }

    /// Returns how much has to be freed.
    pub fn missing(&self) -> Size {
        Size(self.needed().0.saturating_sub(self.free.0))
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = self.needed();
        write!(f, "{} are free, and {needed} are needed: ", self.free)?;
        if self.takes.0 > 0 {
            write!(f, "{} as the last build took, and ", self.takes)?;
        }
        write!(f, "{} that are to stay free", self.reserve)
    }
}

/// What does not fit, and a folder on that disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    /// The folder.
    pub folder: String,
    /// What does not fit.
    pub shortage: Shortage,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on the disk of {} {}", self.folder, self.shortage)
    }
}

/// Returns what a build does not fit into; none when it fits.
pub fn shortage(space: Space, need: Need) -> Option<Shortage> {
    let short = |place, free: u64, takes: u64| {
        let shortage = Shortage {
            place,
            free: Size(free),
            takes: Size(takes),
            reserve: Size(need.reserve),
        };
        (shortage.missing().0 > 0).then_some(shortage)
    };
    match space {
        Space::One(free) => short(Place::Engine, free, need.root.saturating_add(need.engine)),
        Space::Two { root, engine } => {
            short(Place::Engine, engine, need.engine).or_else(|| short(Place::Root, root, need.root))
        }
    }
}

/// Returns how much of the build cache is to stay so that what is missing becomes free: never more than its budget.
pub fn cache_to_keep(cache: u64, budget: u64, missing: u64) -> u64 {
    cache.saturating_sub(missing).min(budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::release_id::ReleaseId;
    use crate::release::record::Outcome;

    const MB: u64 = 1 << 20;

    fn record(at: i64, disk: Option<Taken>) -> Record {
        Record {
            outcome: Outcome::Good,
            disk,
            ..Record::begun(ReleaseId::at(at))
        }
    }

    fn built(at: i64, code: u64, image: u64, build: u64) -> Record {
        record(at, Some(Taken { code, image, build }))
    }

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, shown) in [
            ("0b", "0 bytes"),
            ("1023b", "1023 bytes"),
            ("1k", "1.0 kB"),
            ("1536k", "1.5 MB"),
            ("500m", "500 MB"),
            ("1023m", "1023 MB"),
            ("10g", "10 GB"),
            ("5000g", "5000 GB"),
        ] {
            assert_eq!(text.parse::<Size>().expect(text).to_string(), shown);
        }
        let error = "10 GB".parse::<Size>().expect_err("it has a space").to_string();
        assert_eq!(
            error,
            "\"10 GB\" is no amount: it is a whole number and b, k, m or g, as 500m or 10g"
        );
    }

    #[test]
    fn the_first_build_needs_the_reserve_alone() {
        let need = need(&[record(1, None)], 500 * MB);
        assert_eq!((need.root, need.engine), (0, 0));
        assert_eq!(shortage(Space::One(500 * MB), need), None);
        let short = shortage(Space::One(120 * MB), need).expect("too little");
        assert_eq!(
            short.to_string(),
            "120 MB are free, and 500 MB are needed: 500 MB that are to stay free"
        );
    }

    #[test]
    fn the_next_build_needs_what_the_last_took() {
        let all = [
            built(1, MB, 900 * MB, 0),
            record(2, None),
            built(3, 2 * MB, 50 * MB, 40 * MB),
            record(4, None),
        ];
        let need = need(&all, 10 * MB);
        assert_eq!((need.root, need.engine), (2 * MB, 50 * MB));
        assert_eq!(shortage(Space::One(62 * MB), need), None);
        let short = shortage(Space::One(61 * MB), need).expect("too little");
        assert_eq!((short.place, short.missing()), (Place::Engine, Size(MB)));
        assert_eq!(
            short.to_string(),
            "61 MB are free, and 62 MB are needed: 52 MB as the last build took, and 10 MB that are to stay free"
        );
    }

    /// Somebody else's gigabytes, written while one build went on, are not what a build takes.
    #[test]
    fn more_than_an_image_is_believed_when_two_builds_took_it() {
        let engine = |builds: &[u64]| {
            let all: Vec<Record> = (1..)
                .zip(builds)
                .map(|(at, build)| built(at, 0, 10 * MB, *build))
                .collect();
            need(&all, 1).engine
        };
        assert_eq!(engine(&[9000 * MB]), 10 * MB);
        assert_eq!(engine(&[300 * MB, 9000 * MB]), 300 * MB);
        assert_eq!(engine(&[9000 * MB, 300 * MB]), 300 * MB);
        assert_eq!(engine(&[9000 * MB, 9000 * MB, 0]), 10 * MB);
    }

    #[test]
    fn without_a_reserve_everything_fits() {
        let all = [built(1, MB, MB, MB), built(2, MB, MB, MB)];
        assert_eq!(shortage(Space::One(0), need(&all, 0)), None);
    }

    #[test]
    fn each_of_two_disks_has_to_do() {
        let need = Need {
            root: 5,
            engine: 50,
            reserve: 10,
        };
        let place = |root, engine| shortage(Space::Two { root, engine }, need).map(|short| short.place);
        assert_eq!(place(15, 60), None);
        assert_eq!(place(14, 60), Some(Place::Root));
        assert_eq!(place(15, 59), Some(Place::Engine));
        assert_eq!(place(0, 0), Some(Place::Engine));
    }

    #[test]
    fn as_much_of_the_cache_goes_as_is_missing() {
        assert_eq!(cache_to_keep(100, 60, 0), 60);
        assert_eq!(cache_to_keep(100, 60, 30), 60);
        assert_eq!(cache_to_keep(100, 60, 70), 30);
        assert_eq!(cache_to_keep(100, 60, 700), 0);
        assert_eq!(cache_to_keep(10, 60, 0), 10);
    }
}
