//! What the app is told to do wrong: the lines of `/behaviour` in its image, which come with the pushed tree.
//!
//! One per line, `#` starts a comment; a line that is not known ends the app at once, so that a story cannot
//! rest on a misspelt one.

use std::time::Duration;

/// Where the image has the lines; an environment variable of the harness names another file.
const FILE: &str = "/behaviour";

/// All of it; the default misbehaves in nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Behaviour {
    /// `health-status=N`, or `fail-health` for 500: what `/health` answers.
    pub(crate) health_status: Option<u16>,
    /// `slow-health-ms=N`: how long `/health` takes.
    pub(crate) slow_health: Duration,
    /// `redirect-health`: `/health` answers 302 to `/login`.
    pub(crate) redirect_health: bool,
    /// `want-host=NAME`: every request with another `Host` gets 400.
    pub(crate) want_host: Option<String>,
    /// `slow-start-ms=N`: how long before it listens.
    pub(crate) slow_start: Duration,
    /// `exit-at-start=N`: exits with N instead of listening.
    pub(crate) exit_at_start: Option<i32>,
    /// `exit-after-ms=N`: exits with 1 that long after it began to listen.
    pub(crate) exit_after: Option<Duration>,
    /// `lock=FILE`: it locks this file for as long as it lives, and exits with 75 where another has it.
    pub(crate) lock: Option<String>,
    /// `ignore-sigterm`: only SIGKILL ends it.
    pub(crate) ignore_sigterm: bool,
    /// `listen=ADDRESS` instead of `0.0.0.0`; one of IPv6 takes no IPv4.
    pub(crate) listen: Option<String>,
    /// `listen-port=N` instead of `$PORT`.
    pub(crate) listen_port: Option<u16>,
    /// `tcp=N`: answers lines on this TCP port.
    pub(crate) tcp: Option<u16>,
    /// `no-http`: listens on no port for HTTP.
    pub(crate) no_http: bool,
    /// `migrate-exit=N`: how `migrate` ends, where `MIGRATE_EXIT` does not say.
    pub(crate) migrate_exit: i32,
    /// `migrate-sleep-ms=N`: how long `migrate` takes, where `MIGRATE_SLEEP_MS` does not say.
    pub(crate) migrate_sleep: Duration,
    /// `log-numbers-ms=N`: prints a number every N ms, see `numbers`.
    pub(crate) log_numbers: Option<Duration>,
}

impl Behaviour {
    /// Reads the file; one that is not there tells nothing.
    pub(crate) fn read() -> Self {
        let file = std::env::var("BEHAVIOUR_FILE").unwrap_or_else(|_| FILE.to_owned());
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Self::parse(&text).unwrap_or_else(|line| {
            eprintln!("no such behaviour: {line}");
            std::process::exit(64);
        })
    }

    /// Parses the lines; the error is the line that is not known.
    fn parse(text: &str) -> Result<Self, String> {
        let mut told = Self::default();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            told.take(line).ok_or_else(|| line.to_owned())?;
        }
        Ok(told)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let millis = || value.parse().ok().map(Duration::from_millis);
        match name {
            "fail-health" => self.health_status = Some(500),
            "health-status" => self.health_status = Some(value.parse().ok()?),
            "slow-health-ms" => self.slow_health = millis()?,
            "redirect-health" => self.redirect_health = true,
            "want-host" => self.want_host = Some(value.to_owned()),
            "slow-start-ms" => self.slow_start = millis()?,
            "exit-at-start" => self.exit_at_start = Some(value.parse().ok()?),
            "exit-after-ms" => self.exit_after = Some(millis()?),
            "lock" => self.lock = Some(value.to_owned()),
            "ignore-sigterm" => self.ignore_sigterm = true,
            "listen" => self.listen = Some(value.to_owned()),
            "listen-port" => self.listen_port = Some(value.parse().ok()?),
            "tcp" => self.tcp = Some(value.parse().ok()?),
            "no-http" => self.no_http = true,
            "migrate-exit" => self.migrate_exit = value.parse().ok()?,
            "migrate-sleep-ms" => self.migrate_sleep = millis()?,
            "log-numbers-ms" => self.log_numbers = Some(millis()?),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let told =
            Behaviour::parse("# a broken one\n\nfail-health\nslow-start-ms=20\nlisten=127.0.0.1\n").unwrap();
        assert_eq!(told.health_status, Some(500));
        assert_eq!(told.slow_start, Duration::from_millis(20));
        assert_eq!(told.listen.as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn a_misspelt_line_is_an_error() {
        assert_eq!(Behaviour::parse("fail-helth"), Err("fail-helth".to_owned()));
        assert_eq!(Behaviour::parse("listen-port=x"), Err("listen-port=x".to_owned()));
    }
}
