//! An app's settings are within their limits, can be obeyed, and are the same when they are written out.

use std::time::Duration;

use gokku_core::config::env_file::{EnvFile, EnvKey, EnvValue};
use gokku_core::config::settings::Settings;
use gokku_core::transition::Mode;

/// Checks the settings in an env file.
pub fn check(data: &[u8]) {
    let Ok(env) = EnvFile::parse(data) else { return };
    let settings = match Settings::read(&env) {
        Ok(settings) => settings,
        Err(wrong) => {
            assert!(!wrong.is_empty(), "refused without a reason");
            for error in wrong {
                crate::assert_is_a_line(&error.to_string());
            }
            return;
        }
    };
    let asked: hyper::Uri = settings.health_path.parse().expect("a path that can be asked");
    assert_eq!(
        asked.path_and_query().map(ToString::to_string),
        Some(settings.health_path.clone())
    );
    assert!(asked.host().is_none(), "{asked} names a host");
    let hour = Duration::from_secs(3600);
    let second = Duration::from_secs(1);
    assert!((second..=hour).contains(&settings.health_timeout));
    assert!((second..=hour).contains(&settings.hold));
    assert!(settings.drain <= hour && settings.upgrade_drain <= hour && settings.stop <= hour);
    assert_ne!(settings.port, Some(0));
    if let Some(words) = &settings.migration {
        let program = words.first().expect("a migration has a program");
        assert!(!program.is_empty(), "a program has a name");
    }
    assert_eq!(Settings::read(&written(&settings)).as_ref(), Ok(&settings));
}

fn written(settings: &Settings) -> EnvFile {
    let mut env = EnvFile::default();
    let mut set = |name: &str, value: String| {
        let key: EnvKey = name.parse().expect("a name");
        env.set(&key, &EnvValue::new(value).expect("a value"));
    };
    set("ZERO_DOWNTIME", (settings.mode == Mode::ZeroDowntime).to_string());
    set("HEALTH_CHECK_PATH", settings.health_path.clone());
    set(
        "HEALTH_CHECK_TIMEOUT",
        settings.health_timeout.as_secs().to_string(),
    );
    set("DRAIN_TIMEOUT", settings.drain.as_secs().to_string());
    set(
        "UPGRADE_DRAIN_TIMEOUT",
        settings.upgrade_drain.as_secs().to_string(),
    );
    set("STOP_TIMEOUT", settings.stop.as_secs().to_string());
    set("HOLD_TIMEOUT", settings.hold.as_secs().to_string());
    if let Some(port) = settings.port {
        set("PORT", port.to_string());
    }
    if let Some(words) = &settings.migration {
        let words = words.iter().map(String::as_str);
        set("MIGRATION_COMMAND", shlex::try_join(words).expect("no NUL"));
    }
    env
}
