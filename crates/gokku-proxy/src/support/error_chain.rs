//! An error with everything behind it: its sources, in words and as the kernel's errors.

use std::error::Error;
use std::io::{self, ErrorKind};

/// Iterates over an error and its sources.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// Iterates over the I/O errors among them.
pub(crate) fn io_errors<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a io::Error> {
    chain(error).filter_map(|cause| cause.downcast_ref())
}

/// Iterates over the kinds of those, which the kernel or the HTTP library has set.
pub(crate) fn io_kinds<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = ErrorKind> + use<'a> {
    io_errors(error).map(io::Error::kind)
}

/// Returns an error's words, followed by those of its sources.
pub(crate) fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
