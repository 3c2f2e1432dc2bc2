//! Projects of many shapes, each with the Dockerfile it gets, in `snapshots`: one file a shape.

mod shapes;

use std::collections::BTreeSet;

use gokku_core::build::languages::version::DEFAULTS;
use gokku_core::build::languages::{
    Detected, Project, Undetected, detect, free_name, keys_beside_a_dockerfile, to_read,
};
use gokku_core::config::gokku_yml::{AppConfig, GokkuYml};
use gokku_core::config::lang::Lang;

/// A project's files, each with its text.
type Files = &'static [(&'static str, &'static str)];

/// What a `gokku.yml` says of the app `api`.
fn config(yml: &str) -> AppConfig {
    if yml.is_empty() {
        return AppConfig::default();
    }
    let lines: Vec<String> = yml.lines().map(|line| format!("    {line}\n")).collect();
    let yml =
        GokkuYml::parse("gokku.yml", &format!("apps:\n  api:\n{}", lines.concat())).expect("a gokku.yml");
    yml.app(&"api".parse().expect("a name")).expect("the app").clone()
}

/// Only those texts are given that are asked for.
fn try_it(yml: &str, files: Files) -> Result<Detected, Undetected> {
    let config = config(yml);
    let paths: BTreeSet<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
    let wanted: BTreeSet<String> = to_read(&paths, &config).into_iter().map(str::to_owned).collect();
    let texts = files
        .iter()
        .filter(|(path, _)| wanted.contains(*path))
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    detect(&Project { files: paths, texts }, &config)
}

#[test]
fn every_shape_has_its_dockerfile() {
    let mut names = BTreeSet::new();
    for (name, yml, files) in shapes::SHAPES {
        assert!(names.insert(name), "{name} stands here twice");
        let detected = try_it(yml, files).unwrap_or_else(|why| panic!("{name}: {why}"));
        let text = detected.dockerfile();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(*name, text);
        });
    }
    assert!(names.len() >= 30, "{}", names.len());
}

#[test]
fn what_every_dockerfile_has() {
    for (name, yml, files) in shapes::SHAPES {
        let text = try_it(yml, files).expect("a shape").dockerfile();
        let last = text
            .rsplit_once("\nFROM ")
            .map_or(text.as_str(), |(_, last)| last);
        for line in ["ENV PORT=8080", "EXPOSE 8080"] {
            assert!(last.contains(&format!("\n{line}\n")), "{name}: {line}");
        }
        let user = last
            .lines()
            .find_map(|line| line.strip_prefix("USER "))
            .expect("a user");
        assert!(["1000:1000", "www-data"].contains(&user), "{name}: {user}");
        let command = last
            .lines()
            .last()
            .and_then(|line| line.strip_prefix("CMD "))
            .expect("a command");
        let words: Vec<String> =
            serde_json::from_str(command).unwrap_or_else(|error| panic!("{name}: {error}: {command}"));
        assert!(!words.is_empty(), "{name}");
        assert!(text.starts_with("# Written by gokku: "), "{name}");
    }
}

#[test]
fn what_cannot_be_built_is_told() {
    let told: Vec<String> = shapes::REFUSED
        .iter()
        .map(|(name, yml, files)| match try_it(yml, files) {
            Ok(detected) => panic!("{name}: {}", detected.summary),
            Err(why) => format!("{name}:\n{why}"),
        })
        .collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("refused", told.join("\n\n"));
    });
}

/// The commands of a `Procfile` that decide about a build are read by the reader that decides what runs.
#[test]
fn a_procfile_is_read_as_where_it_runs() {
    let files: [Files; 4] = [
        &[
            ("package.json", "{}"),
            ("a.js", ""),
            ("Procfile", "web : node a.js\n"),
        ],
        &[
            ("package.json", "{}"),
            ("a.js", ""),
            ("Procfile", "  web:node a.js \r\n"),
        ],
        &[
            ("package.json", "{}"),
            ("a.js", ""),
            ("Procfile", "#web: b\n\tweb\t:\tnode a.js"),
        ],
        &[
            ("package.json", "{}"),
            ("a.js", ""),
            ("Procfile", "webs: c\nweb: node a.js"),
        ],
    ];
    for files in files {
        let summary = try_it("", files).expect("a project").summary.to_string();
        assert!(
            summary.ends_with(", node a.js (from Procfile)"),
            "{files:?}: {summary}"
        );
    }
}

#[test]
fn a_dockerfile_takes_no_keys_of_a_build_without_one() {
    for (yml, told) in [
        ("path: x\nbinary_name: api", ""),
        (
            "lang: go",
            "gokku.yml:3:11: lang would do nothing here: the project is built by its own Dockerfile, which decides that: remove one of the two",
        ),
        (
            "path: x\ngoarch: arm64",
            "gokku.yml:4:13: goarch would do nothing here: the project is built by its own Dockerfile, which decides that: remove one of the two",
        ),
        (
            "image: python:3.12-slim",
            "gokku.yml:3:12: image would do nothing here: the project is built by its own Dockerfile, which decides that: remove one of the two",
        ),
    ] {
        let result = keys_beside_a_dockerfile("Dockerfile", &config(yml));
        assert_eq!(
            result.err().map(|error| error.to_string()).unwrap_or_default(),
            told
        );
    }
}

/// The image takes the place of those that the language's tools come from, and of no other.
#[test]
fn what_is_built_on_is_for_gokku_yml_to_say() {
    let stages = |yml: &str, name: &str| -> Vec<String> {
        let (_, _, files) = shapes::SHAPES
            .iter()
            .find(|(one, _, _)| *one == name)
            .expect("a shape");
        let detected = try_it(yml, files).unwrap_or_else(|why| panic!("{name}: {why}"));
        let text = detected.dockerfile();
        let from = text.lines().filter_map(|line| line.strip_prefix("FROM "));
        std::iter::once(detected.summary.to_string())
            .chain(from.map(str::to_owned))
            .collect()
    };
    assert_eq!(
        stages("image: golang:1.23-rc", "go-main"),
        [
            "Go (image golang:1.23-rc from gokku.yml), shop",
            "golang:1.23-rc AS build",
            "scratch"
        ]
    );
    let python = stages(
        "image: me/python@sha256:DIGEST"
            .replace("DIGEST", &"a".repeat(64))
            .as_str(),
        "python-flask",
    );
    let image = format!("me/python@sha256:{}", "a".repeat(64));
    assert_eq!(python[1..], [format!("{image} AS build"), image.clone()]);
    assert!(
        python[0].starts_with(&format!("Python (image {image} from gokku.yml), ")),
        "{python:?}"
    );
    let refused = try_it(
        "image: golang:1.23\ngo_version: 1.22",
        &[("go.mod", "module x"), ("main.go", "")],
    );
    assert_eq!(
        refused
            .map(|detected| detected.summary.to_string())
            .map_err(|why| why.to_string()),
        Err("gokku.yml:4:17: go_version would do nothing here: `image` says which Go builds it".to_owned())
    );
}

#[test]
fn its_name_is_nobodys() {
    let name = |files: &[&str]| free_name(&files.iter().map(|file| (*file).to_owned()).collect());
    assert_eq!(name(&[]), ".gokku.Dockerfile");
    assert_eq!(name(&[".gokku.Dockerfile"]), ".gokku-1.Dockerfile");
    assert_eq!(
        name(&[".gokku.Dockerfile/x", ".gokku-1.Dockerfile.dockerignore"]),
        ".gokku-2.Dockerfile"
    );
}

/// The page that people read has the table that counts.
#[test]
fn the_page_has_the_default_versions() {
    let page = include_str!("../../../../docs/builds.md");
    for (lang, number) in DEFAULTS {
        let row = format!("\n| {} | ", lang.name());
        let rows = page.split(&row).skip(1).filter_map(|rest| rest.lines().next());
        let mut ends = rows.filter(|row| row.ends_with(&format!(" | {number} |")));
        assert!(ends.next().is_some(), "{row}… {number}");
    }
    for lang in Lang::ALL {
        assert!(page.contains(&format!("\n| `{}` | ", lang.as_str())), "{lang:?}");
    }
}
