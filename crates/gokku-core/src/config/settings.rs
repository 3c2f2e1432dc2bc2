//! An app's settings: the variables of its env that gokku itself obeys.

use std::time::Duration;

use crate::app::mode::Mode;
use crate::config::env_file::EnvFile;
use crate::text::shell::assigned;

/// The variable that names the app's port, and the server's where nothing else does.
pub const PORT: &str = "PORT";

/// One setting, as the configuration reference shows it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// What counts when it is not set; `-` for nothing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// What it may be.
    pub allowed: &'static str,
}

/// Every setting.
pub const SETTINGS: [Setting; 9] = [
    Setting {
        name: "ZERO_DOWNTIME",
        default: "false",
        meaning: "Run the new release beside the old one and switch; otherwise the old one stops first and requests wait",
        allowed: "true, 1, yes, on, false, 0, no or off",
    },
    Setting {
        name: "HEALTH_CHECK_PATH",
        default: "/health",
        meaning: "The path that answers 200 when the app is healthy",
        allowed: "a path that begins with /, as a URL has it, without spaces or #",
    },
    Setting {
        name: "HEALTH_CHECK_TIMEOUT",
        default: "30",
        meaning: "How long a new container may take to become healthy, from its start",
        allowed: "whole seconds from 1 to 3600",
    },
    Setting {
        name: "MIGRATION_COMMAND",
        default: "-",
        meaning: "A command that runs once in a container of the new image before it is started; without it, what a Procfile has as release",
        allowed: "a program and its arguments, quoted as in a shell; for a shell's own features: sh -c '...'",
    },
    Setting {
        name: PORT,
        default: "-",
        meaning: "The port the app listens on and, without ports: in gokku.yml, the server's port too",
        allowed: "a number from 1 to 65535",
    },
    Setting {
        name: "DRAIN_TIMEOUT",
        default: "30",
        meaning: "How long the old release may take to answer its last requests",
        allowed: "whole seconds from 0 to 3600",
    },
    Setting {
        name: "UPGRADE_DRAIN_TIMEOUT",
        default: "5",
        meaning: "How long WebSockets, other upgraded connections and those of TCP ports to the old release may go on",
        allowed: "whole seconds from 0 to 3600",
    },
    Setting {
        name: "STOP_TIMEOUT",
        default: "10",
        meaning: "How long a container may take to end after SIGTERM before it gets SIGKILL",
        allowed: "whole seconds from 0 to 3600",
    },
    Setting {
        name: "HOLD_TIMEOUT",
        default: "60",
        meaning: "How long a request may wait while no release runs",
        allowed: "whole seconds from 1 to 3600",
    },
];

/// An app's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `ZERO_DOWNTIME`.
    pub mode: Mode,
    /// `HEALTH_CHECK_PATH`.
    pub health_path: String,
    /// `HEALTH_CHECK_TIMEOUT`.
    pub health_timeout: Duration,
    /// `MIGRATION_COMMAND`, in words; none when it is not set or empty.
    pub migration: Option<Vec<String>>,
    /// `PORT`.
    pub port: Option<u16>,
    /// `DRAIN_TIMEOUT`.
    pub drain: Duration,
    /// `UPGRADE_DRAIN_TIMEOUT`.
    pub upgrade_drain: Duration,
    /// `STOP_TIMEOUT`.
    pub stop: Duration,
    /// `HOLD_TIMEOUT`.
    pub hold: Duration,
}

/// A setting with a value it cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Any but `MIGRATION_COMMAND`.
    #[error("{name}={given:?} cannot be: it is {}", allowed(name))]
    Value {
        /// The variable.
        name: &'static str,
        /// What it is.
        given: String,
    },
    /// Quotes of `MIGRATION_COMMAND` that do not match. Its text may have a secret and is not shown.
    #[error("MIGRATION_COMMAND has a quote that is never closed, or ends in a backslash")]
    MigrationQuotes,
    /// `MIGRATION_COMMAND` has words, and none that is a program's: a comment, or an empty one.
    #[error("MIGRATION_COMMAND names no program: unset it when there is no migration")]
    MigrationEmpty,
    /// `MIGRATION_COMMAND` looks as if it wants a shell.
    #[error(
        "MIGRATION_COMMAND has {0:?} in it, which only a shell understands, and it is run without one: write sh -c '...' around it"
    )]
    MigrationShell(String),
}

fn allowed(name: &str) -> &'static str {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .map_or("", |setting| setting.allowed)
}

impl Default for Settings {
    /// What counts when nothing is set.
    fn default() -> Self {
        Self {
            mode: Mode::StopFirst,
            health_path: "/health".to_owned(),
            health_timeout: Duration::from_secs(30),
            migration: None,
            port: None,
            drain: Duration::from_secs(30),
            upgrade_drain: Duration::from_secs(5),
            stop: Duration::from_secs(10),
            hold: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// Reads the settings out of an app's env; every bad value is told, not only the first.
    pub fn read(env: &EnvFile) -> Result<Self, Vec<SettingError>> {
        let mut reader = Reader {
            env,
            wrong: Vec::new(),
        };
        let defaults = Self::default();
        let settings = Self {
            mode: reader.mode().unwrap_or(defaults.mode),
            health_path: reader.path().unwrap_or(defaults.health_path),
            health_timeout: reader
                .seconds("HEALTH_CHECK_TIMEOUT", 1)
                .unwrap_or(defaults.health_timeout),
            migration: reader.migration(),
            port: reader.port(),
            drain: reader.seconds("DRAIN_TIMEOUT", 0).unwrap_or(defaults.drain),
            upgrade_drain: reader
                .seconds("UPGRADE_DRAIN_TIMEOUT", 0)
                .unwrap_or(defaults.upgrade_drain),
            stop: reader.seconds("STOP_TIMEOUT", 0).unwrap_or(defaults.stop),
            hold: reader.seconds("HOLD_TIMEOUT", 1).unwrap_or(defaults.hold),
        };
        if reader.wrong.is_empty() {
            Ok(settings)
        } else {
            Err(reader.wrong)
        }
    }
}

/// Whether a text can be `HEALTH_CHECK_PATH`.
pub(crate) fn is_health_path(text: &str) -> bool {
    let good = |c: char| c.is_ascii_graphic() && !"\"#<>`".contains(c);
    text.starts_with('/') && text.chars().all(good)
}

struct Reader<'a> {
    env: &'a EnvFile,
    wrong: Vec<SettingError>,
}

impl<'a> Reader<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.env.get(name).map(super::env_file::EnvValue::expose)
    }

    fn refuse(&mut self, name: &'static str, given: &str) {
        self.wrong.push(SettingError::Value {
            name,
            given: given.to_owned(),
        });
    }

    fn mode(&mut self) -> Option<Mode> {
        let name = "ZERO_DOWNTIME";
        let given = self.get(name)?;
        match given.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(Mode::ZeroDowntime),
            "false" | "0" | "no" | "off" => Some(Mode::StopFirst),
            _ => {
                self.refuse(name, given);
                None
            }
        }
    }

    fn path(&mut self) -> Option<String> {
        let name = "HEALTH_CHECK_PATH";
        let given = self.get(name)?;
        if !is_health_path(given) {
            self.refuse(name, given);
        }
        Some(given.to_owned())
    }

    fn number(&mut self, name: &'static str, lowest: u32, highest: u32) -> Option<u32> {
        let given = self.get(name)?;
        let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
        let number = given
            .parse()
            .ok()
            .filter(|number| digits && (lowest..=highest).contains(number));
        if number.is_none() {
            self.refuse(name, given);
        }
        number
    }

    fn seconds(&mut self, name: &'static str, lowest: u32) -> Option<Duration> {
        self.number(name, lowest, 3600)
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    fn port(&mut self) -> Option<u16> {
        self.number(PORT, 1, 65_535).and_then(|port| port.try_into().ok())
    }

    fn migration(&mut self) -> Option<Vec<String>> {
        let text = self
            .get("MIGRATION_COMMAND")
            .filter(|text| !text.trim().is_empty())?;
        let Some(words) = shlex::split(text) else {
            self.wrong.push(SettingError::MigrationQuotes);
            return None;
        };
        if words.first().is_none_or(String::is_empty) {
            self.wrong.push(SettingError::MigrationEmpty);
            return None;
        }
        let operator = words
            .iter()
            .find(|word| matches!(word.as_str(), "&&" | "||" | ";" | "|" | ">" | ">>" | "<" | "&"));
        // Of an assignment the name alone is told: the value may be secret.
        let assigned = words.first().and_then(|word| assigned(word));
        let assigned = assigned.map(|name| format!("{name}="));
        if let Some(found) = assigned.or_else(|| operator.cloned()) {
            self.wrong.push(SettingError::MigrationShell(found));
            return None;
        }
        Some(words)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        Settings::read(&EnvFile::parse(text.as_bytes()).unwrap()).map_err(|wrong| {
            wrong
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })
    }

    #[test]
    fn defaults() {
        let settings = read("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.mode, Mode::StopFirst, "P08: default is false");
        assert_eq!(settings.health_path, "/health", "P15");
        assert_eq!(settings.health_timeout, Duration::from_secs(30), "P17");
        assert_eq!((settings.migration, settings.port), (None, None));
        for setting in SETTINGS {
            if setting.default != "-" {
                read(&format!("{}={}", setting.name, setting.default)).unwrap();
            }
        }
    }

    #[test]
    fn p07_zero_downtime_words() {
        for word in ["true", "1", "yes", "on", "TRUE", "Yes"] {
            assert_eq!(
                read(&format!("ZERO_DOWNTIME={word}")).unwrap().mode,
                Mode::ZeroDowntime
            );
        }
        for word in ["false", "0", "no", "off", "False"] {
            assert_eq!(
                read(&format!("ZERO_DOWNTIME={word}")).unwrap().mode,
                Mode::StopFirst
            );
        }
        insta::assert_snapshot!(read("ZERO_DOWNTIME=maybe").unwrap_err(), @r#"ZERO_DOWNTIME="maybe" cannot be: it is true, 1, yes, on, false, 0, no or off"#);
        assert!(read("ZERO_DOWNTIME=").is_err());
    }

    #[test]
    fn every_bad_value_is_told() {
        insta::assert_snapshot!(read("HEALTH_CHECK_PATH=health\nHEALTH_CHECK_TIMEOUT=0\nPORT=65536\nSTOP_TIMEOUT=-1\nDRAIN_TIMEOUT=+1").unwrap_err(), @r#"
        HEALTH_CHECK_PATH="health" cannot be: it is a path that begins with /, as a URL has it, without spaces or #
        HEALTH_CHECK_TIMEOUT="0" cannot be: it is whole seconds from 1 to 3600
        PORT="65536" cannot be: it is a number from 1 to 65535
        DRAIN_TIMEOUT="+1" cannot be: it is whole seconds from 0 to 3600
        STOP_TIMEOUT="-1" cannot be: it is whole seconds from 0 to 3600
        "#);
        insta::assert_snapshot!(read("MIGRATION_COMMAND=\"a 'secret\"").unwrap_err(), @"MIGRATION_COMMAND has a quote that is never closed, or ends in a backslash");
        insta::assert_snapshot!(read("MIGRATION_COMMAND='# secret'").unwrap_err(), @"MIGRATION_COMMAND names no program: unset it when there is no migration");
        insta::assert_snapshot!(read("MIGRATION_COMMAND=\"'' secret\"").unwrap_err(), @"MIGRATION_COMMAND names no program: unset it when there is no migration");
        insta::assert_snapshot!(read("HEALTH_CHECK_PATH=/a<b").unwrap_err(), @r#"HEALTH_CHECK_PATH="/a<b" cannot be: it is a path that begins with /, as a URL has it, without spaces or #"#);
        insta::assert_snapshot!(read("MIGRATION_COMMAND='secret && b'").unwrap_err(), @r#"MIGRATION_COMMAND has "&&" in it, which only a shell understands, and it is run without one: write sh -c '...' around it"#);
    }

    #[test]
    fn p28_an_assignment_is_no_program() {
        insta::assert_snapshot!(read("MIGRATION_COMMAND='MODE=secret migrate'").unwrap_err(), @r#"MIGRATION_COMMAND has "MODE=" in it, which only a shell understands, and it is run without one: write sh -c '...' around it"#);
        let words = read("MIGRATION_COMMAND='env MODE=prod migrate'")
            .unwrap()
            .migration;
        assert_eq!(words.unwrap(), ["env", "MODE=prod", "migrate"]);
    }

    #[test]
    fn p28_the_migration_is_words() {
        let words = read("MIGRATION_COMMAND=\"python manage.py migrate --name 'a b'\"")
            .unwrap()
            .migration;
        assert_eq!(
            words.unwrap(),
            ["python", "manage.py", "migrate", "--name", "a b"]
        );
        assert_eq!(read("MIGRATION_COMMAND=").unwrap().migration, None);
        assert_eq!(
            read("MIGRATION_COMMAND=\"sh -c 'a && b'\"")
                .unwrap()
                .migration
                .unwrap(),
            ["sh", "-c", "a && b"]
        );
    }
}
