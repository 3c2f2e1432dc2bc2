//! A name for each request, `X-Request-Id`, by which logs of the app and of what stands before it are brought together. What a client or
//! a proxy in front has given is kept.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that is kept: what is longer would fill logs.
const LONGEST: usize = 128;

/// What all names of this process begin with, so that no two switches give the same.
static BEGINNING: LazyLock<u64> = LazyLock::new(|| {
    use std::hash::{BuildHasher, RandomState};
    // The standard library's hashes have keys from the kernel's chance.
    RandomState::new().hash_one(std::process::id())
});
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Gives a request a name, unless it has one.
pub(crate) fn set(headers: &mut HeaderMap) {
    let mut there = headers.get_all(REQUEST_ID).iter();
    let is_kept = there.next().is_some_and(is_name) && there.next().is_none();
    if is_kept {
        return;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{:016x}{number:016x}", *BEGINNING);
    if let Ok(value) = HeaderValue::from_str(&name) {
        headers.insert(REQUEST_ID, value);
    }
}

/// Whether a name can stand in a log as it is.
fn is_name(value: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:=+/@".contains(byte);
    let bytes = value.as_bytes();
    !bytes.is_empty() && bytes.len() <= LONGEST && bytes.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(given: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(REQUEST_ID, HeaderValue::from_str(value).unwrap());
        }
        set(&mut headers);
        let all = headers.get_all(REQUEST_ID).iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_name_that_is_given_is_kept_and_all_others_are_new() {
        let longest = "x".repeat(LONGEST);
        for kept in [
            "a",
            "7f3c9d52-1b2e-4c6a-9d0f-2a1b3c4d5e6f",
            "Root=1-67891233-abc",
            &longest,
        ] {
            assert_eq!(named(&[kept]), [kept]);
        }
        let longer = "x".repeat(LONGEST + 1);
        let mut seen = std::collections::BTreeSet::new();
        for given in [
            &[][..],
            &[""],
            &["a b"],
            &["a\"b"],
            &["a,b"],
            &[&longer],
            &["a", "b"],
        ] {
            let [name] = named(given).try_into().unwrap();
            assert!(
                name.len() == 32 && !given.contains(&name.as_str()),
                "{given:?}: {name}"
            );
            assert!(seen.insert(name), "{given:?}");
        }
    }
}
