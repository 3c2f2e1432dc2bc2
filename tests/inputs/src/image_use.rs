//! Whatever a Dockerfile says: the images that it names are found, or it is refused with a place; and what is kept away
//! from a build is not in what is sent.
//!
//! An input is a Dockerfile.

use gokku_core::build::image_sources::mask::{PREFIX, masked, unmasked};
use gokku_core::build::image_sources::{Given, Unclear, Use, frontend, read, read_trigger};

/// Checks a Dockerfile.
pub fn check(data: &[u8]) {
    let Some(text) = crate::text_of(data) else { return };
    let args = [("X".to_owned(), "other".to_owned())];
    let is_told = |why: &Unclear| {
        crate::assert_is_a_line(&why.told("Dockerfile"));
        if let Some(line) = why.line {
            crate::assert_is_in(text, line, 1);
        }
    };
    if let Err(why) = frontend::is_asked_for(text, &args) {
        is_told(&why);
    }
    let given = Given {
        args: &args,
        arch: "arm64",
    };
    match read(text, &given) {
        Ok(uses) => is_kept_away(text, &uses, &given),
        Err(why) => is_told(&why),
    }
    // What an image brings along may be anything, too.
    drop(read_trigger(text, &given));
}

/// All of them under other names: none is left, and the lines are where they were.
fn is_kept_away(text: &str, uses: &[Use], given: &Given<'_>) {
    for one in uses {
        crate::assert_is_in(text, one.line, 1);
        assert!(
            !one.images.is_empty() && !one.images.contains("scratch"),
            "{one:?}"
        );
    }
    let all: Vec<(&Use, &str)> = uses
        .iter()
        .filter_map(|one| Some((one, one.images.first()?.as_str())))
        .collect();
    let sent = masked(text, &all);
    assert_eq!(
        sent.split_inclusive('\n').count(),
        text.split_inclusive('\n').count()
    );
    drop(unmasked(&sent));
    if uses.is_empty() {
        assert_eq!(sent, text);
        return;
    }
    let is_plain = |image: &String| {
        image
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._:/@-".contains(c))
    };
    if !uses.iter().flat_map(|one| &one.images).all(is_plain) {
        // No image is called so, and what stands beside it may be anything.
        return;
    }
    // A stage's name may have been one of them: then what meant the image before means the stage, or the other way round.
    if let Ok(left) = read(&sent, given) {
        let lines: Vec<usize> = uses.iter().map(|one| one.line).collect();
        for one in left {
            let is_new = one.images.iter().any(|image| image.contains(PREFIX));
            assert!(
                is_new || !lines.contains(&one.line),
                "{one:?} is left of {text:?} in {sent:?}"
            );
        }
    }
}
