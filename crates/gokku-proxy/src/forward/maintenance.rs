//! What an app's clients get during its maintenance, and the way past it.
//!
//! Who opens [`PASS_PATH`] with the pass behind it gets a cookie, and with that the app.

use std::sync::Arc;

use bytes::Bytes;
use gokku_core::app::maintenance::Maintenance;
use gokku_core::domains::scheme::Scheme;
use hyper::header::{CACHE_CONTROL, COOKIE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE};
use hyper::{Response, StatusCode};

use crate::forward::error_response::own;
use crate::forward::response_body::ResponseBody;
use crate::http::error_reason::{ERROR_HEADER, HTML, TEXT};

/// Below it stands the pass.
pub const PASS_PATH: &str = "/.well-known/gokku/maintenance/";
const COOKIE_NAME: &str = "gokku-maintenance";
/// For how many seconds the cookie lets its browser through.
const COOKIE_SECONDS: u32 = 24 * 60 * 60;
/// After how many seconds it is worth trying again.
const RETRY_SECONDS: &str = "60";
const WORDS: &str = "this site is down for maintenance; please try again later\n";

/// The page of an app, which all answers share.
struct PageOf(Arc<Maintenance>);

impl AsRef<[u8]> for PageOf {
    fn as_ref(&self) -> &[u8] {
        self.0.page.as_ref().map_or(&[], |page| page.as_str().as_bytes())
    }
}

/// Returns what a request gets in place of the app's answer; none for one that is let through.
pub(crate) fn answer(
    maintenance: &Arc<Maintenance>,
    path: &str,
    headers: &HeaderMap,
    scheme: Scheme,
) -> Option<Response<ResponseBody>> {
    let shown = path.strip_prefix(PASS_PATH);
    if shown.is_some_and(|shown| maintenance.pass.is(shown)) {
        return give_cookie(maintenance, scheme);
    }
    let has_pass = cookies(headers).any(|shown| maintenance.pass.is(shown));
    (!has_pass).then(|| page(maintenance))
}

/// The values of our cookie.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
}

fn give_cookie(maintenance: &Maintenance, scheme: Scheme) -> Option<Response<ResponseBody>> {
    let secure = match scheme {
        Scheme::Https => "; Secure",
        Scheme::Http => "",
    };
    let pass = maintenance.pass.as_str();
    let cookie =
        format!("{COOKIE_NAME}={pass}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}");
    let text = Bytes::from_static(b"the app is at / now\n");
    let mut response = own(StatusCode::SEE_OTHER, text, TEXT);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(LOCATION, HeaderValue::from_static("/"));
    headers.insert(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    Some(response)
}

fn page(maintenance: &Arc<Maintenance>) -> Response<ResponseBody> {
    let (text, kind) = match maintenance.page {
        Some(_) => (Bytes::from_owner(PageOf(Arc::clone(maintenance))), HTML),
        None => (Bytes::from_static(WORDS.as_bytes()), TEXT),
    };
    let mut response = own(StatusCode::SERVICE_UNAVAILABLE, text, kind);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ERROR_HEADER, HeaderValue::from_static("maintenance"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    response
}
