//! The route table: what was written is read back, and half of it is no table.

use gokku_proxy::route::table::{Problem, Routes, parse, text};

/// Checks a table's file.
pub fn check(data: &[u8]) {
    let routes = match parse(data) {
        Ok(routes) => routes,
        Err(error) => {
            assert!(
                matches!(error, Problem::Damaged(_) | Problem::Version(_)),
                "{error}"
            );
            return assert!(error.to_string().len() > 10, "{error}");
        }
    };
    let written = text(&routes).expect("text");
    assert_eq!(parse(&written).expect("what was written"), routes);
    // One that was torn anywhere is known to be.
    let cuts = data.iter().map(|byte| written.len() * usize::from(*byte) / 256);
    for cut in cuts.take(8) {
        assert!(parse(&written[..cut]).is_err(), "torn at {cut}");
    }
    assert!(parse(b"").is_err() && parse(&vec![0; written.len()]).is_err());
    assert_eq!(
        parse(&text(&Routes::new()).expect("text")).expect("an empty one"),
        Routes::new()
    );
}
