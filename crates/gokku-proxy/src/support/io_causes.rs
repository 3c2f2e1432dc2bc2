//! The kernel's errors behind an error.

use std::error::Error;
use std::io::{self, ErrorKind};

use gokku_core::text::causes::chain;

/// Iterates over the I/O errors among an error and its sources.
pub(crate) fn io_errors<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a io::Error> {
    chain(error).filter_map(|cause| cause.downcast_ref())
}

/// Iterates over the kinds of those, which the kernel or the HTTP library has set.
pub(crate) fn io_kinds<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = ErrorKind> + use<'a> {
    io_errors(error).map(io::Error::kind)
}
