//! Whatever a project's files are called and say: it has a Dockerfile with nothing in it that is not meant, or is refused
//! in words.
//!
//! An input is a project: `=== path` begins a file, whose text follows.

use std::collections::{BTreeMap, BTreeSet};

use gokku_core::AppName;
use gokku_core::build::languages::{Detected, Project, detect, free_name, to_read};
use gokku_core::config::gokku_yml::{AppConfig, GokkuYml};

/// Checks a project.
pub fn check(data: &[u8]) {
    let Some(text) = crate::text_of(data) else { return };
    let mut given = BTreeMap::new();
    for file in text.split("=== ").skip(1) {
        let (path, text) = file.split_once('\n').unwrap_or((file, ""));
        if !path.is_empty() {
            let Some(text) = crate::text_of(text.as_bytes()) else {
                return;
            };
            given.insert(path.to_owned(), text.to_owned());
        }
    }
    let api: AppName = "api".parse().expect("a name");
    let yml = given
        .get("gokku.yml")
        .and_then(|text| GokkuYml::parse("gokku.yml", text).ok());
    let config = yml
        .and_then(|yml| yml.app(&api).cloned().ok())
        .unwrap_or_default();
    let files: BTreeSet<String> = given.keys().cloned().collect();
    let texts = to_read(&files, &config)
        .into_iter()
        .map(|path| (path.to_owned(), given[path].clone()))
        .collect();
    let name = free_name(&files);
    assert!(!files.contains(&name), "{name}");
    match detect(&Project { files, texts }, &config) {
        Ok(detected) => is_whole(&detected, &config),
        Err(why) => {
            for line in why.to_string().lines() {
                crate::assert_is_a_line(line);
            }
        }
    }
}

fn is_whole(detected: &Detected, config: &AppConfig) {
    crate::assert_is_a_line(&detected.summary.to_string());
    if let Some(lang) = &config.build.lang {
        assert_eq!(lang.value, detected.summary.lang);
    }
    let text = detected.dockerfile();
    assert!(
        text.lines().all(|line| !line.contains(char::is_control)),
        "{text:?}"
    );
    let mut stages = 0;
    for line in text.replace("\\\n", "").lines() {
        let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
        match instruction {
            "" | "#" | "WORKDIR" | "ENV" | "EXPOSE" | "LABEL" | "USER" => {}
            "FROM" => {
                stages += 1;
                let good = |c: char| c.is_ascii_alphanumeric() || ":.- ".contains(c);
                assert!(rest.chars().all(good), "{line}");
            }
            "CMD" => is_json(rest),
            "COPY" => {
                if let Some(start) = rest.find('[') {
                    is_json(&rest[start..]);
                }
            }
            // A word that breaks out of its quotes leaves others that do not close.
            "RUN" => assert!(shlex::split(rest).is_some(), "{line}"),
            _ => panic!("an instruction that nobody wrote: {line}"),
        }
    }
    assert!(stages > 0, "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("CMD "), "{text}");
}

fn is_json(text: &str) {
    let words: Vec<String> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(!words.is_empty(), "{text}");
}
