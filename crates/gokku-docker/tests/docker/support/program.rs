//! The static program, compiled once for each test process.

use std::path::Path;
use std::sync::LazyLock;

/// Its bytes.
#[track_caller]
pub(crate) fn program() -> &'static [u8] {
    static PROGRAM: LazyLock<Result<Vec<u8>, String>> = LazyLock::new(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker/program/main.rs");
        gokku_tests::compiled(&source)
    });
    match &*PROGRAM {
        Ok(bytes) => bytes,
        Err(why) => panic!("the program under test could not be compiled:\n{why}"),
    }
}
