//! A container's life: made, started, looked at, renamed, removed.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::containers::{ContainerSpec, ContainerState};
use gokku_docker::Error;

use crate::support::{Lab, PATIENCE, docker, soon, until};

/// What the container answers at its own address.
fn get(address: IpAddr, port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(address, port), Duration::from_secs(1))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: app\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// P18: what `docker ps` and `docker inspect` show is what was asked for, and what is known here.
#[tokio::test]
async fn p18_a_containers_life_from_made_to_removed() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let network = lab.network().await;
    let (green, blue) = (lab.name("api-green"), lab.name("api-blue"));
    let spec = ContainerSpec {
        name: green.clone(),
        network: network.clone(),
        labels: lab.labels(&[("gokku.app", "api"), ("gokku.slot", "green")]),
        ..lab.spec(&image, &["serve", "8080", "version one"])
    };

    let id = lab.engine.create(&spec).await.unwrap();
    let made = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(
        (made.id, made.name.as_str(), made.image),
        (id.clone(), green.as_str(), image.clone())
    );
    assert_eq!(made.state, ContainerState::Created);
    assert!(made.addresses.is_empty(), "{:?}", made.addresses);
    assert_eq!(made.details.unwrap().pid, 0);

    lab.engine.start(&id).await.unwrap();
    lab.engine
        .start(&id)
        .await
        .expect("one that runs already is no error");
    let running = lab.engine.container(&green).await.unwrap().unwrap();
    assert_eq!((running.state, &running.id), (ContainerState::Running, &id));
    assert_eq!(running.label("gokku.slot"), Some("green"));
    assert_eq!(running.label("gokku.no"), None);
    assert_eq!(running.labels, spec.labels);
    let details = running.details.unwrap();
    assert!(details.pid > 1 && !details.oom_killed, "{details:?}");
    assert!(details.started_at.starts_with("20"), "{details:?}");

    // The traffic switch reaches it at its own address: no port is published.
    let address = running.addresses[&network];
    let answer = until("an answer", async || get(address, 8080).ok()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("version one"),
        "{answer}"
    );
    assert_eq!(docker(&["port", id.as_str()]), "");

    lab.engine.rename(&id, &blue).await.unwrap();
    assert!(
        lab.engine.container(&green).await.unwrap().is_none(),
        "the old name is free"
    );
    let renamed = lab.engine.container(&blue).await.unwrap().unwrap();
    assert_eq!((renamed.id, renamed.state), (id.clone(), ContainerState::Running));
    assert_eq!(
        docker(&["ps", "--filter", &format!("id={id}"), "--format", "{{.Names}}"]),
        blue
    );

    lab.engine.remove(&id).await.unwrap();
    assert!(lab.engine.container(id.as_str()).await.unwrap().is_none());
    lab.engine
        .remove(&id)
        .await
        .expect("one that is not there is no error");
}

/// P30: starting again is the daemon's, which knows of transitions; and `docker stop` gives the same grace.
#[tokio::test]
async fn p30_docker_itself_starts_nothing_again_and_knows_the_grace() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        stop_timeout: Duration::from_secs(47),
        ..lab.spec(&image, &["exit", "3"])
    };
    let id = lab.start(&spec).await;
    let format = "{{.HostConfig.RestartPolicy.Name}} {{.Config.StopTimeout}} {{.HostConfig.AutoRemove}}";
    let shown = docker(&["inspect", id.as_str(), "--format", format]);
    assert!(shown == "no 47 false" || shown == " 47 false", "{shown}");
}

#[tokio::test]
async fn an_exited_container_tells_its_code_and_times() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    for code in [0, 1, 3, 255] {
        let id = lab.start(&lab.spec(&image, &["exit", &code.to_string()])).await;
        assert_eq!(soon("its end", lab.engine.wait_exit(&id)).await.unwrap(), code);
        let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
        assert_eq!(facts.state, ContainerState::Exited);
        assert!(facts.addresses.is_empty(), "{:?}", facts.addresses);
        let details = facts.details.unwrap();
        assert_eq!((details.exit_code, details.pid), (code, 0));
        for at in [&details.started_at, &details.finished_at] {
            assert!(at.starts_with("20") && at.ends_with('Z'), "{details:?}");
        }
        // It can be started again, as the daemon does.
        lab.engine.start(&id).await.unwrap();
        assert_eq!(soon("its end", lab.engine.wait_exit(&id)).await.unwrap(), code);
    }
}

/// A list and a close look never disagree on whether a container runs.
#[tokio::test]
async fn a_list_knows_the_same_states() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let created = lab
        .engine
        .create(&lab.spec(&image, &["deaf", "x"]))
        .await
        .unwrap();
    let running = lab.start(&lab.spec(&image, &["deaf", "x"])).await;
    let paused = lab.start(&lab.spec(&image, &["deaf", "x"])).await;
    docker(&["pause", paused.as_str()]);
    let exited = lab.start(&lab.spec(&image, &["exit", "0"])).await;
    soon("its end", lab.engine.wait_exit(&exited)).await.unwrap();
    let list = lab.engine.containers(&[lab.label()]).await.unwrap();
    assert_eq!(list.len(), 4);
    for (id, state) in [
        (&created, ContainerState::Created),
        (&running, ContainerState::Running),
        (&paused, ContainerState::Running),
        (&exited, ContainerState::Exited),
    ] {
        let listed = list.iter().find(|one| one.id == *id).unwrap();
        let close = lab.engine.container(id.as_str()).await.unwrap().unwrap();
        assert_eq!((listed.state, close.state), (state, state), "{}", listed.name);
        assert_eq!((&listed.name, &listed.image), (&close.name, &close.image));
        assert_eq!(listed.labels, close.labels);
        assert!(listed.details.is_none());
    }
    docker(&["unpause", paused.as_str()]);
}

/// The address of a container that comes back may be another one: it is looked up again.
#[tokio::test]
async fn a_container_that_is_started_again_tells_its_present_address() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let network = lab.network().await;
    let serve = |text: &str| ContainerSpec {
        network: network.clone(),
        ..lab.spec(&image, &["serve", "8080", text])
    };
    let id = lab.start(&serve("first")).await;
    let address = async |id: &ContainerId| {
        let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
        facts.addresses[&network]
    };
    let before = address(&id).await;
    lab.engine.kill(&id, "SIGKILL").await.unwrap();
    soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    // Another takes the address that is free now, as after a restart of the engine.
    let other = lab.start(&serve("second")).await;
    lab.engine.start(&id).await.unwrap();
    assert_eq!(
        address(&other).await,
        before,
        "the engine gives a free address at once"
    );
    let now = address(&id).await;
    assert_ne!(now, before);
    let answer = until("an answer", async || get(now, 8080).ok()).await;
    assert!(answer.ends_with("first"), "{answer}");
    let listed = lab.engine.containers(&[lab.label()]).await.unwrap();
    let listed = listed.iter().find(|one| one.id == id).unwrap();
    assert_eq!(listed.addresses[&network], now);
}

/// P11: a name is one container's, and who wants it too is told so.
#[tokio::test]
async fn p11_a_name_that_is_taken_is_a_conflict_with_the_engines_words() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let blue = lab.name("api-blue");
    let spec = ContainerSpec {
        name: blue.clone(),
        ..lab.spec(&image, &["deaf", "x"])
    };
    let first = lab.engine.create(&spec).await.unwrap();
    let error = lab.engine.create(&spec).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    assert!(error.to_string().contains(&blue), "{error}");

    let unnamed = lab
        .engine
        .create(&lab.spec(&image, &["deaf", "x"]))
        .await
        .unwrap();
    let error = lab.engine.rename(&unnamed, &blue).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    assert!(error.to_string().contains(&blue), "{error}");
    // Neither was harmed.
    assert_eq!(lab.engine.container(&blue).await.unwrap().unwrap().id, first);
    assert!(lab.engine.container(unnamed.as_str()).await.unwrap().is_some());
}

/// To give a container the name it has happens when a transition that was cut off is finished.
#[tokio::test]
async fn p11_a_container_keeps_its_name_when_given_it_again() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        name: lab.name("api-blue"),
        ..lab.spec(&image, &["deaf", "x"])
    };
    let id = lab.engine.create(&spec).await.unwrap();
    // The engine refuses; whatever it says, the container is still there under its name.
    let _ = lab.engine.rename(&id, &spec.name).await;
    assert_eq!(lab.engine.container(&spec.name).await.unwrap().unwrap().id, id);
}

#[tokio::test]
async fn an_image_that_is_missing_is_not_found() {
    let lab = Lab::new().await;
    let absent = lab.name("absent:release-1");
    let spec = ContainerSpec {
        image: absent.clone(),
        ..lab.spec(&gokku_core::ImageId::new(""), &["deaf", "x"])
    };
    let error = lab.engine.create(&spec).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains(&absent), "{error}");
}

#[tokio::test]
async fn a_program_that_is_missing_is_named_and_the_container_says_it_never_ran() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        entrypoint: Some(vec!["/no/such/program".to_owned()]),
        ..lab.spec(&image, &[])
    };
    let id = lab.engine.create(&spec).await.unwrap();
    let error = lab.engine.start(&id).await.unwrap_err();
    assert!(!error.is_not_found(), "the container is there: {error:?}");
    assert!(error.to_string().contains("/no/such/program"), "{error}");
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_ne!(facts.state, ContainerState::Running);
}

/// Not "there is no container": the words are about the network.
#[tokio::test]
async fn a_network_that_is_missing_is_named() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let absent = lab.name("absent");
    let spec = ContainerSpec {
        network: absent.clone(),
        ..lab.spec(&image, &["deaf", "x"])
    };
    let error = match lab.engine.create(&spec).await {
        Ok(id) => lab.engine.start(&id).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(!error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains(&absent), "{error}");
}

/// P24: a person removed it meanwhile; each step says that it is not there, and nothing else.
#[tokio::test]
async fn p24_a_container_that_is_gone_is_not_found() {
    let lab = Lab::new().await;
    let gone = ContainerId::new("f".repeat(64));
    assert!(lab.engine.container(gone.as_str()).await.unwrap().is_none());
    let grace = Duration::from_secs(1);
    for result in [
        lab.engine.start(&gone).await,
        lab.engine.stop(&gone, grace).await,
        lab.engine.kill(&gone, "SIGTERM").await,
        lab.engine.rename(&gone, &lab.name("x")).await,
        lab.engine.wait_exit(&gone).await.map(drop),
        lab.engine.last_lines(&gone, 5).await.map(drop),
        lab.engine.attach(&gone, false).await.map(drop),
        lab.engine
            .exec(&gone, &["/app".to_owned()], false, false)
            .await
            .map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
        assert!(error.to_string().contains(gone.as_str()), "{error}");
    }
}

/// P24: `docker rm -f` in the middle of somebody's waiting.
#[tokio::test]
async fn p24_waiting_ends_when_the_container_is_removed_by_hand() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["deaf", "ready"])).await;
    lab.said(&id, "ready").await;
    let engine = lab.engine.clone();
    let waiting = tokio::spawn({
        let id = id.clone();
        async move { engine.wait_exit(&id).await }
    });
    docker(&["rm", "--force", id.as_str()]);
    match soon("the end of waiting", waiting).await.unwrap() {
        Ok(code) => assert_eq!(code, 137),
        // Where it was gone before the waiting began.
        Err(error) => assert!(error.is_not_found(), "{error:?}"),
    }
}

#[tokio::test]
async fn entrypoint_and_command_take_the_place_of_the_images() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (entrypoint, command, expected) in [
        (None, words(&["say", "a  b $HOME"]), "a  b $HOME"),
        (Some(words(&["/app", "say"])), words(&["two"]), "two"),
        (Some(words(&["/app", "say", "three"])), vec![], "three"),
        // None at all, as a one-off command on the server has it: the command is the whole.
        (Some(vec![]), words(&["/app", "say", "four"]), "four"),
        (Some(vec![String::new()]), words(&["/app", "say", "five"]), "five"),
    ] {
        let spec = ContainerSpec {
            entrypoint,
            command: Some(command),
            ..lab.spec(&image, &[])
        };
        let id = match lab.engine.create(&spec).await {
            Ok(id) => id,
            Err(error) => panic!("{expected}: {error}"),
        };
        lab.engine
            .start(&id)
            .await
            .unwrap_or_else(|error| panic!("{expected}: {error}"));
        soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
        assert_eq!(lab.engine.last_lines(&id, 10).await.unwrap(), [expected]);
    }
}
