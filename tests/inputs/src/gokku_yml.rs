//! What a `gokku.yml` says can be obeyed as it is, or is refused with a place that is in the file.

use std::collections::BTreeSet;
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::config::gokku_yml::{AppConfig, BuildKeys, GokkuYml};
use gokku_core::config::tcp_port::{MOST_TCP_PORTS, from_label, to_label};
use gokku_core::config::volume::Source;

/// Checks a file.
pub fn check(data: &[u8]) {
    let Some(text) = crate::text_of(data) else { return };
    let yml = match GokkuYml::parse("gokku.yml", text) {
        Ok(yml) => yml,
        Err(errors) => {
            let number = |number: u64| usize::try_from(number).expect("a place in memory");
            // A lone carriage return ends a line in YAML.
            let text = &text.replace('\r', "\n");
            assert!(!errors.0.is_empty());
            for error in &errors.0 {
                crate::assert_is_in(text, number(error.line), number(error.column));
                crate::assert_is_a_line(&error.to_string());
            }
            return;
        }
    };
    let other: AppName = "not-in-any-file".parse().expect("a name");
    let known = match yml.app(&other) {
        Ok(_) => vec![other.to_string()],
        Err(error) => {
            crate::assert_is_a_line(&error.to_string());
            error.known
        }
    };
    for app in known {
        can_be_obeyed(
            yml.app(&app.parse().expect("a name"))
                .expect("an app that is there"),
        );
    }
}

fn can_be_obeyed(app: &AppConfig) {
    let files = app.dockerfiles();
    assert!(!files.is_empty());
    for path in files
        .iter()
        .chain(Some(&app.path).filter(|path| !path.is_empty()))
    {
        let good = |part: &str| !matches!(part, "" | "." | "..");
        assert!(path.split('/').all(good), "{path:?} leaves the repository");
        assert!(!path.contains(char::is_control), "{path:?}");
    }
    for (name, value) in app.build_args() {
        assert!(!value.is_empty(), "{name}");
        assert!(!value.contains(char::is_control), "{value:?}");
    }
    assert!(app.tcp_ports.len() <= MOST_TCP_PORTS, "{:?}", app.tcp_ports);
    assert_eq!(from_label(&to_label(&app.tcp_ports)), app.tcp_ports);
    let hosts: BTreeSet<u16> = app
        .tcp_ports
        .iter()
        .map(|port| port.host)
        .chain(app.ports.map(|ports| ports.host))
        .collect();
    let written = app.tcp_ports.len() + usize::from(app.ports.is_some());
    assert_eq!(hosts.len(), written, "each port of the server once");
    if let Some(ports) = app.ports {
        assert!(ports.host > 0 && ports.container > 0, "{ports:?}");
    }
    let names: BTreeSet<_> = app
        .environments
        .iter()
        .map(|environment| &environment.name)
        .collect();
    assert_eq!(
        names.len(),
        app.environments.len(),
        "one of two would not be obeyed"
    );
    for environment in &app.environments {
        assert_eq!(app.branch(&environment.name), Some(&environment.branch));
    }
    // What the engine takes.
    let words = app.entrypoint.iter().chain(&app.command).flatten();
    assert!(words.into_iter().all(|word| !word.contains('\0')));
    assert!(app.command.as_ref().is_none_or(|words| !words.is_empty()));
    let resources = app.resources;
    assert!(
        resources
            .memory
            .is_none_or(|bytes| bytes >= 6 << 20 && i64::try_from(bytes).is_ok())
    );
    assert!(
        resources
            .nano_cpus
            .is_none_or(|nano| nano >= 10_000_000 && i64::try_from(nano).is_ok())
    );
    assert!((1..=1 << 22).contains(&resources.pids));
    let capabilities: BTreeSet<_> = app.capabilities.iter().map(|one| one.value).collect();
    assert_eq!(capabilities.len(), app.capabilities.len(), "each once");
    assert!((1..=100).contains(&app.deployment.keep_images));
    assert!(app.deployment.keep_images <= app.deployment.keep_releases.unwrap_or(usize::MAX));
    let targets: BTreeSet<&str> = app.volumes.iter().map(|volume| volume.target.as_str()).collect();
    assert_eq!(targets.len(), app.volumes.len(), "one would hide the other");
    for volume in &app.volumes {
        let folder = match &volume.source {
            Source::Folder(folder) => Some(folder),
            Source::Named(_) | Source::Anonymous => None,
        };
        for path in folder.into_iter().chain([&volume.target]) {
            let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains([':', '\0']);
            assert!(
                path.starts_with('/') && path.split('/').skip(1).all(good),
                "{path:?}"
            );
        }
    }
    if app.image.is_some() {
        assert_eq!(app.build, BuildKeys::default(), "a ready image is not built");
    }
    for command in &app.deployment.post_deploy {
        crate::procfile::can_be_run(command);
    }
    for (kind, process) in &app.processes {
        process.command.iter().for_each(crate::procfile::can_be_run);
        let least = u16::from(kind.is_web());
        assert!(process.count.is_none_or(|count| (least..=100).contains(&count)));
    }
    assert!(app.deployment.restart_delay <= Duration::from_secs(3600));
}
