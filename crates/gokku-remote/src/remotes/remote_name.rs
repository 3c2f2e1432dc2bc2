//! Reads a remote's name: `api-production` stands for an app and its environment.

use gokku_core::{AppName, EnvironmentName};

use super::error::Error;

/// Reads which app and environment a name stands for: `api-production` is the app `api` for `production`. With the app
/// given, the rest of the name is the environment; a name without one is for production.
pub fn parse_remote_name(name: &str, app: Option<&str>) -> Result<(AppName, EnvironmentName), Error> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(is_safe) {
        return Err(Error::Name(name.to_owned()));
    }
    let (app, environment) = match app {
        Some(app) => {
            let rest = name.strip_prefix(app).and_then(|rest| rest.strip_prefix('-'));
            let last = name.rsplit_once('-').map_or(name, |(_, last)| last);
            (app, rest.unwrap_or(last))
        }
        None => name.rsplit_once('-').unwrap_or((name, "production")),
    };
    Ok((app.parse()?, environment.parse()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_they_stand_for() {
        let read = |name: &str, app: Option<&str>| {
            parse_remote_name(name, app).map_or_else(
                |error| error.to_string(),
                |(app, environment)| format!("{app} for {environment}"),
            )
        };
        assert_eq!(read("api-production", None), "api for production");
        assert_eq!(read("my-api-staging", None), "my-api for staging");
        assert_eq!(read("api", None), "api for production");
        assert_eq!(read("api-eu-west", Some("api")), "api for eu-west");
        assert_eq!(read("live-staging", Some("api")), "api for staging");
        assert_eq!(read("live", Some("api")), "api for live");
        for name in [
            "-oProxyCommand=id",
            "--upload-pack=id",
            "a b",
            "",
            "a/b",
            "ü-production",
            "../x",
            "a;id",
        ] {
            assert!(
                matches!(parse_remote_name(name, None), Err(Error::Name(_))),
                "{name}"
            );
        }
        assert!(parse_remote_name("api-production", Some("-x")).is_err());
    }
}
