//! Which answers are worth compressing, and may be.

use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, VARY,
};
use hyper::{Method, StatusCode};

use crate::http::content_coding::ContentCoding;

/// A shorter body is as long afterwards, or longer.
const SHORTEST: u64 = 1024;

/// The kinds of content that are text in one way or another, beside `text/…`, `…+json` and `…+xml`.
const TEXTS: [&str; 14] = [
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-sh",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
];
/// Those of `text/…` whose pieces are to arrive one by one.
const STREAMS: [&str; 1] = ["text/event-stream"];

/// Headers whose value is of the bytes as they were: with other bytes they would be wrong.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];
/// Some apps say so of a stream; nginx made it known.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Returns whether an answer is one that clients may get compressed, whatever this one takes.
pub(crate) fn is_compressible(asked_by: &Method, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_partial = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
    let has_none =
        status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_partial || has_none || *asked_by == Method::CONNECT {
        return false;
    }
    let is_coded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let is_left = has_word(headers, &CACHE_CONTROL, "no-transform")
        || has_word(headers, &ACCEL_BUFFERING, "no")
        || DIGESTS.iter().any(|digest| headers.contains_key(digest));
    let is_short = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .is_some_and(|length| length < SHORTEST);
    !is_coded && !is_left && !is_short && headers.get(CONTENT_TYPE).is_some_and(is_text)
}

/// Says of a compressible answer that others may get it in another form.
pub(crate) fn note_choice(headers: &mut HeaderMap) {
    if !has_word(headers, &VARY, "accept-encoding") && !has_word(headers, &VARY, "*") {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Says of an answer that it comes compressed.
pub(crate) fn note_coding(headers: &mut HeaderMap, coding: ContentCoding) {
    headers.insert(CONTENT_ENCODING, coding.header_value());
    headers.remove(CONTENT_LENGTH);
    // A range would be one of other bytes.
    headers.remove(ACCEPT_RANGES);
    // Its bytes are others than the app's, its meaning is not: RFC 9110 section 8.8.1.
    let weak = headers
        .get(ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""))
        .and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(ETAG, weak);
    }
}

fn is_text(content_type: &HeaderValue) -> bool {
    let Ok(content_type) = content_type.to_str() else {
        return false;
    };
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let is_among = |list: &[&str]| list.contains(&kind.as_str());
    let is_kind_of_text = kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml");
    !is_among(&STREAMS) && (is_kind_of_text || is_among(&TEXTS))
}

/// Whether a header that is a list has a word.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let mut words = lines.flat_map(|line| line.split(','));
    words.any(|one| one.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line = (&'static str, &'static str);

    fn headers_of(lines: &[Line]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        lines.collect()
    }

    #[test]
    fn what_is_compressed() {
        let html = ("content-type", "text/html; charset=utf-8");
        let table: &[(&str, u16, &[Line], bool)] = &[
            ("a page", 200, &[html], true),
            ("a page of an error", 404, &[html], true),
            (
                "of a length that is worth it",
                200,
                &[html, ("content-length", "1024")],
                true,
            ),
            ("too short", 200, &[html, ("content-length", "1023")], false),
            ("of no kind", 200, &[], false),
            ("a picture", 200, &[("content-type", "image/png")], false),
            ("a drawing", 200, &[("content-type", "image/svg+xml")], true),
            ("JSON", 200, &[("content-type", "Application/JSON")], true),
            (
                "a problem, RFC 9457",
                500,
                &[("content-type", "application/problem+json")],
                true,
            ),
            ("gRPC", 200, &[("content-type", "application/grpc+proto")], false),
            ("an archive", 200, &[("content-type", "application/zip")], false),
            (
                "events",
                200,
                &[("content-type", "text/event-stream; charset=utf-8")],
                false,
            ),
            (
                "lines of JSON",
                200,
                &[("content-type", "application/x-ndjson")],
                false,
            ),
            (
                "a stream by its app's word",
                200,
                &[html, ("x-accel-buffering", "no")],
                false,
            ),
            (
                "compressed already",
                200,
                &[html, ("content-encoding", "br")],
                false,
            ),
            ("not really", 200, &[html, ("content-encoding", "identity")], true),
            (
                "not to be changed",
                200,
                &[html, ("cache-control", "public, No-Transform")],
                false,
            ),
            (
                "cached otherwise",
                200,
                &[html, ("cache-control", "public, max-age=1")],
                true,
            ),
            (
                "with a digest",
                200,
                &[html, ("content-digest", "sha-256=:AA==:")],
                false,
            ),
            (
                "a part",
                206,
                &[html, ("content-range", "bytes 0-1023/4096")],
                false,
            ),
            ("nothing", 204, &[html], false),
            ("nothing new", 304, &[html], false),
        ];
        for (what, status, headers, expected) in table {
            let status = StatusCode::from_u16(*status).expect("a status");
            let compressible = is_compressible(&Method::GET, status, &headers_of(headers));
            assert_eq!(compressible, *expected, "{what}");
        }
    }

    #[test]
    fn what_is_said_of_it() {
        let mut headers = headers_of(&[
            ("content-length", "5000"),
            ("accept-ranges", "bytes"),
            ("etag", "\"abc\""),
            ("vary", "origin"),
        ]);
        note_choice(&mut headers);
        note_choice(&mut headers);
        note_coding(&mut headers, ContentCoding::Brotli);
        let mut said: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        said.sort_unstable();
        let expected: [(&str, &[u8]); 4] = [
            ("content-encoding", b"br"),
            ("etag", b"W/\"abc\""),
            ("vary", b"accept-encoding"),
            ("vary", b"origin"),
        ];
        assert_eq!(said, expected);
        let mut weak = headers_of(&[("etag", "W/\"abc\""), ("vary", "Accept-Encoding, origin")]);
        note_choice(&mut weak);
        note_coding(&mut weak, ContentCoding::Gzip);
        assert_eq!(weak["etag"], "W/\"abc\"");
        assert_eq!(weak.get_all("vary").iter().count(), 1);
    }
}
