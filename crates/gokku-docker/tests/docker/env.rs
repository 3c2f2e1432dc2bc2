//! The env reaches the container byte for byte, and nobody else.

use gokku_core::containers::ContainerSpec;
use gokku_core::machine::stream::Stream;

use crate::support::{Lab, soon};

/// The names and values the kernel gave the program.
async fn environ(lab: &Lab, spec: &ContainerSpec) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let code = soon(
        "its end",
        lab.engine.run_one_off(spec, &mut |piece| {
            assert_eq!(piece.stream, Stream::Out);
            bytes.extend_from_slice(&piece.bytes);
        }),
    )
    .await
    .unwrap();
    assert_eq!(code, 0);
    let variables = bytes.split(|byte| *byte == 0).filter(|one| !one.is_empty());
    variables
        .map(|one| {
            let equals = one.iter().position(|byte| *byte == b'=').expect("a variable");
            (one[..equals].to_vec(), one[equals + 1..].to_vec())
        })
        .collect()
}

fn values() -> Vec<(String, String)> {
    // Every byte that a text can have below 0x80, but NUL.
    let ascii: String = (1..=127_u8).map(char::from).collect();
    let named = [
        (
            "DATABASE_URL",
            "postgres://user:p%40ss@db:5432/app?sslmode=require&x=1",
        ),
        ("NEWLINES", "one\ntwo\r\nthree\n\n"),
        ("QUOTES", r#"a "b" 'c' `d` \"e\" \\"#),
        ("DOLLARS", "$HOME ${HOME} $$ $(id) %PATH%"),
        ("EQUALS", "=a==b="),
        ("SPACES", "  two  spaces \t"),
        ("EMPTY", ""),
        ("UNICODE", "grün 緑 🟢 \u{feff}\u{2028}\u{2029}\u{85}\u{0301}"),
        ("JSON", r#"{"a": ["\u0000", "\n"], "b": null}"#),
        ("HASH", "# no comment"),
        ("GOKKU_TEMPLATE", "{{.Id}} <no value> &lt;"),
        ("lower.case-and.dots", "names are not ours to judge"),
        ("ASCII", &ascii),
        ("KEY", "-----BEGIN KEY-----\nMIIB\n-----END KEY-----\n"),
    ];
    let mut values: Vec<_> = named
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    values.push(("LARGE".to_owned(), "0123456789".repeat(10 * 1024)));
    values.push(("LARGE_UNICODE".to_owned(), "緑\n\"$".repeat(16 * 1024)));
    values
}

/// P29: byte for byte: newlines, quotes, `$`, `=`, UTF-8, 100 KB.
#[tokio::test]
async fn p29_the_env_arrives_byte_for_byte() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let env = values();
    let spec = ContainerSpec {
        env: env.clone(),
        ..lab.spec(&image, &["environ"])
    };
    let found = environ(&lab, &spec).await;
    for (name, value) in &env {
        let matching: Vec<_> = found.iter().filter(|one| one.0 == name.as_bytes()).collect();
        assert_eq!(matching.len(), 1, "{name}");
        assert!(matching[0].1 == value.as_bytes(), "{name} is another");
    }
    // And the engine's own, no others.
    let more: Vec<_> = found
        .iter()
        .map(|one| String::from_utf8_lossy(&one.0).into_owned())
        .filter(|name| !env.iter().any(|(ours, _)| ours == name))
        .filter(|name| !["PATH", "HOSTNAME", "HOME"].contains(&name.as_str()))
        .collect();
    assert!(more.is_empty(), "{more:?}");
}

/// P29: what the image sets is only what the app does not.
#[tokio::test]
async fn p29_the_apps_env_comes_before_the_images() {
    let lab = Lab::new().await;
    let folder = crate::support::Folder::new(
        "FROM scratch\nENV PORT=1 KEPT=image\nCOPY app /app\nENTRYPOINT [\"/app\"]\n",
    );
    let request = lab.request(folder.path());
    let image = lab.build(&request).await.0.unwrap();
    let spec = ContainerSpec {
        env: vec![
            ("PORT".to_owned(), "8080".to_owned()),
            ("PATH".to_owned(), "/own".to_owned()),
        ],
        ..lab.spec(&image, &["environ"])
    };
    let found = environ(&lab, &spec).await;
    let value = |name: &str| {
        let mut all = found.iter().filter(|one| one.0 == name.as_bytes());
        let value = all.next().map(|one| String::from_utf8_lossy(&one.1).into_owned());
        assert!(all.next().is_none(), "{name} is there once");
        value
    };
    assert_eq!(value("PORT").as_deref(), Some("8080"));
    assert_eq!(value("PATH").as_deref(), Some("/own"));
    assert_eq!(value("KEPT").as_deref(), Some("image"));
}

/// P29: never in a log or an error.
#[tokio::test]
async fn p29_no_value_is_in_what_can_be_printed() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        env: vec![("DATABASE_URL".to_owned(), "postgres://s3cret".to_owned())],
        name: lab.name("api-blue"),
        ..lab.spec(&image, &["deaf", "x"])
    };
    assert!(!format!("{spec:?} {spec:#?}").contains("s3cret"));
    lab.engine.create(&spec).await.unwrap();
    let id = lab.engine.container(&spec.name).await.unwrap().unwrap();
    assert!(!format!("{id:?}").contains("s3cret"));

    let taken = lab.engine.create(&spec).await.unwrap_err();
    let absent = ContainerSpec {
        image: lab.name("absent:1"),
        ..spec.clone()
    };
    let absent = lab.engine.create(&absent).await.unwrap_err();
    let broken = ContainerSpec {
        name: String::new(),
        entrypoint: Some(vec!["/nope".to_owned()]),
        ..spec.clone()
    };
    let broken = lab.engine.run_one_off(&broken, &mut |_| {}).await.unwrap_err();
    for error in [taken, absent, broken] {
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
