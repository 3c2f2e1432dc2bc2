//! The connection: the engine's version, and what is said where there is none, or none that will do.

use std::path::{Path, PathBuf};

use gokku_docker::engine::connection::{DEFAULT_SOCKET, MINIMUM_API, socket};
use gokku_docker::{Engine, Error};

use crate::support::{Lab, Middle, Reply, answer, docker, soon};

/// The error of connecting to a socket that is no engine we take.
async fn refused(socket: &Path) -> Error {
    soon("an answer to the connection", Engine::connect(socket))
        .await
        .expect_err("it is no engine")
}

#[tokio::test]
async fn the_engine_tells_its_version_and_its_apis() {
    let lab = Lab::new().await;
    assert_eq!(
        lab.engine.version(),
        docker(&["version", "--format", "{{.Server.Version}}"])
    );
    let api = docker(&["version", "--format", "{{.Server.APIVersion}}"]);
    assert_eq!(lab.engine.api(), api);
}

/// Bad input: no engine.
#[tokio::test]
async fn without_a_socket_the_error_names_it_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let error = refused(&socket).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&socket.display().to_string()), "{text}");
    assert!(text.contains("No such file"), "{text}");
    assert!(
        text.contains("systemctl start docker") && text.contains("gokku doctor"),
        "{text}"
    );
}

/// Bad input: the engine was killed, and its socket is still there.
#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_an_engine_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let error = refused(&socket).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_engine_that_hangs_up_is_one_that_does_not_answer() {
    let middle = Middle::new(|_| Reply::HangUp);
    let error = refused(&middle.socket()).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

/// An old engine would take what it does not know and say nothing.
#[tokio::test]
async fn an_engine_that_is_too_old_is_refused_with_both_versions() {
    for old in ["1.40", "1.9", "1.5", "0.99"] {
        let json = format!(r#"{{"Version":"19.03.15","ApiVersion":"{old}","MinAPIVersion":"1.12"}}"#);
        let middle = Middle::new(move |_| answer("200 OK", &json));
        let error = refused(&middle.socket()).await;
        assert!(
            matches!(&error, Error::TooOld { found, .. } if found == old),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(&format!("its API is {old}")), "{text}");
        assert!(text.contains(MINIMUM_API) && text.contains("20.10"), "{text}");
        assert!(
            middle.asked()[0].starts_with("GET /version"),
            "{:?}",
            middle.asked()
        );
    }
}

/// Versions are numbers, not texts: 1.100 is newer than 1.41.
#[tokio::test]
async fn an_engine_that_is_new_enough_is_taken() {
    for new in ["1.41", "1.50", "1.100", "2.0"] {
        let json = format!(r#"{{"Version":"99.1","ApiVersion":"{new}"}}"#);
        let middle = Middle::new(move |_| answer("200 OK", &json));
        let engine = soon("the connection", Engine::connect(&middle.socket()))
            .await
            .unwrap();
        assert_eq!((engine.version(), engine.api()), ("99.1", new));
    }
}

/// Something else listens there: a web server, a proxy with a page of its own.
#[tokio::test]
async fn what_is_no_engine_is_not_taken_for_one() {
    for (status, body) in [
        ("200 OK", "{}"),
        ("200 OK", "<html>welcome</html>"),
        ("404 Not Found", r#"{"message":"page not found"}"#),
        ("500 Internal Server Error", r#"{"message":"out of order"}"#),
    ] {
        let middle = Middle::new(move |_| answer(status, body));
        let error = refused(&middle.socket()).await;
        assert!(
            matches!(error, Error::Unreachable { .. } | Error::TooOld { .. }),
            "{status} {body}: {error:?}"
        );
    }
}

#[test]
fn docker_host_names_the_socket_and_nothing_but_a_socket_will_do() {
    assert_eq!(socket(None).unwrap(), Path::new(DEFAULT_SOCKET));
    assert_eq!(socket(Some("")).unwrap(), Path::new(DEFAULT_SOCKET));
    assert_eq!(
        socket(Some("unix:///run/user/1000/docker.sock")).unwrap(),
        PathBuf::from("/run/user/1000/docker.sock")
    );
    for host in [
        "tcp://127.0.0.1:2375",
        "ssh://server",
        "unix://",
        "unix://relative",
        "/run/docker.sock",
    ] {
        let error = socket(Some(host)).expect_err(host);
        assert!(error.to_string().contains(&format!("{host:?}")), "{error}");
        assert!(error.to_string().contains("unix:///"), "{error}");
    }
}

/// The networks of exactly this name, a line each.
fn networks(name: &str) -> String {
    let filter = format!("name=^{name}$");
    docker(&["network", "ls", "--filter", &filter, "--format", "{{.Driver}}"])
}

#[tokio::test]
async fn a_network_is_made_once_whoever_asks() {
    let lab = Lab::new().await;
    let name = lab.network().await;
    docker(&["network", "rm", &name]);
    let makers = (0..8).map(|_| {
        let (engine, new) = (lab.engine.clone(), lab.named(&name, &[]));
        tokio::spawn(async move { engine.network_or_make(&new).await })
    });
    for maker in makers.collect::<Vec<_>>() {
        maker.await.unwrap().unwrap();
    }
    assert_eq!(networks(&name), "bridge", "one, and a bridge");
}

#[tokio::test]
async fn a_network_goes_when_nothing_is_on_it() {
    let lab = Lab::new().await;
    let name = lab.network().await;
    let mut spec = lab.spec(&lab.image().await, &["deaf", "ready"]);
    spec.network.clone_from(&name);
    let id = lab.start(&spec).await;
    assert!(!lab.engine.remove_network(&name).await.unwrap());
    assert_eq!(networks(&name), "bridge");
    lab.engine.remove(&id).await.unwrap();
    assert!(lab.engine.remove_network(&name).await.unwrap());
    assert!(!lab.engine.remove_network(&name).await.unwrap());
    assert_eq!(networks(&name), "");
}

/// The engine would take the beginning of a network's id for its name.
#[tokio::test]
async fn a_network_whose_id_begins_with_the_name_is_another_one() {
    let lab = Lab::new().await;
    let name = lab.network().await;
    let id = docker(&["network", "inspect", &name, "--format", "{{.Id}}"]);
    let short = &id[..10];
    lab.engine.network_or_make(&lab.named(short, &[])).await.unwrap();
    let shown = docker(&[
        "network",
        "ls",
        "--filter",
        &format!("name=^{short}$"),
        "--format",
        "{{.Name}}",
    ]);
    docker(&["network", "rm", short]);
    assert_eq!(shown, short);
}
