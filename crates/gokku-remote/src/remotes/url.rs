//! Shows a remote's URL without the password that may be in it.

/// Returns a URL without the password in it.
pub(super) fn without_password(url: &str) -> String {
    match gix_url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            parsed.set_password(None);
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("https://ada:secret@example.com/x.git"),
            "https://ada@example.com/x.git"
        );
        assert_eq!(
            without_password("git@example.com:x/y.git"),
            "git@example.com:x/y.git"
        );
    }
}
