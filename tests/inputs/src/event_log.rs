//! A transition's log: every whole line is an event or none, and a line that was cut off spoils no other.

use gokku_core::logs::event::{Event, Stamped};
use gokku_server::queue::transition_log::{event, events};

/// Checks a log's content.
pub fn check(data: &[u8]) {
    let told = events(data);
    for stamped in &told {
        assert_eq!(event(&line(stamped)).as_ref(), Some(stamped));
    }
    let after = Stamped {
        at: 1,
        event: Event::Resumed,
    };
    let more = [data, b"\n", &line(&after), b"\n"].concat();
    let (last, before) = events(&more)
        .split_last()
        .map(|(last, rest)| (last.clone(), rest.to_vec()))
        .expect("one");
    assert_eq!((last, before), (after, told.clone()));
    for (stamped, byte) in told.iter().zip(data) {
        let line = line(stamped);
        let cut = line.len() * usize::from(*byte) / 256;
        assert_eq!(event(&line[..cut]), None, "cut at {cut}");
    }
}

fn line(stamped: &Stamped) -> Vec<u8> {
    let line = serde_json::to_vec(stamped).expect("text");
    assert!(!line.contains(&b'\n'), "an event is one line");
    line
}
