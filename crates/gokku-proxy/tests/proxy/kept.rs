//! P47: what listens is with the service manager while the switch is gone, and taken again for what it is.

use std::collections::BTreeMap;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::thread;

use gokku_proxy::ServiceManager;
use gokku_proxy::control::api::PutRoute;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::support::{Named, Site, Wire, app, get, until};

/// A service manager that does what `sd_notify(3)` says, and keeps what it was told.
struct Manager {
    folder: tempfile::TempDir,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    kept: Vec<(String, OwnedFd)>,
    told: Vec<String>,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let of_thread = Arc::clone(&state);
        // It ends with the test's process.
        thread::spawn(move || {
            while let Some((text, descriptors)) = receive(&socket) {
                let mut state = of_thread.lock().unwrap();
                let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
                let name = name.unwrap_or_default().to_owned();
                if text.contains("FDSTOREREMOVE=1") {
                    state.kept.retain(|(kept, _)| *kept != name);
                } else if text.contains("FDSTORE=1") {
                    let named = descriptors.into_iter().map(|kept| (name.clone(), kept));
                    state.kept.extend(named);
                }
                state.told.push(text);
            }
        });
        Self { folder, state }
    }

    /// What a switch is given that is started now.
    fn given(&self) -> ServiceManager {
        self.given_with(Vec::new())
    }

    fn given_with(&self, more: Vec<(String, OwnedFd)>) -> ServiceManager {
        let mut state = self.state.lock().unwrap();
        state.kept.extend(more);
        state.told.clear();
        let copies = state
            .kept
            .iter()
            .map(|(name, kept)| (name.clone(), kept.try_clone().unwrap()));
        ServiceManager {
            socket: Some(self.folder.path().join("notify").into()),
            kept: copies.collect(),
            ..ServiceManager::default()
        }
    }

    /// How many it keeps, by their names.
    fn kept(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (name, _) in &self.state.lock().unwrap().kept {
            *counts.entry(name.clone()).or_default() += 1;
        }
        counts
    }

    fn told(&self) -> Vec<String> {
        self.state.lock().unwrap().told.clone()
    }

    async fn keeps(&self, names: &[&str]) {
        let wanted: BTreeMap<String, usize> = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
        until(&format!("{names:?} to be kept"), async || {
            (self.kept() == wanted).then_some(())
        })
        .await;
    }
}

fn receive(socket: &UnixDatagram) -> Option<(String, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut text = [0; 1000];
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut text)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )
    .ok()?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            descriptors.extend(sent);
        }
    }
    Some((
        String::from_utf8_lossy(&text[..received.bytes]).into_owned(),
        descriptors,
    ))
}

fn port_name(port: u16) -> String {
    format!("port-{port}")
}

#[tokio::test]
async fn p47_whoever_comes_while_it_is_gone_waits() {
    let manager = Manager::new();
    let mut site = Site::stopped();
    site.start_managed(manager.given()).await.unwrap();
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    manager.keeps(&["control", &port_name(port)]).await;

    site.kill().await;
    let waiting = thread::spawn(move || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("nobody is refused");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let client = site.client.clone();
    let asking = tokio::spawn(async move { client.status().await });
    site.start_managed(manager.given()).await.unwrap();
    site.all_run().await;
    let answer = tokio::task::spawn_blocking(|| waiting.join().unwrap())
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert_eq!(asking.await.unwrap().expect("its status").routes.len(), 1);
    assert_eq!(get(port, "/").await.text(), "blue");
    // What is kept already is not sent again.
    assert_eq!(manager.told(), [""; 0]);
    manager.keeps(&["control", &port_name(port)]).await;
    // Nobody but this one has the control socket: a second one is refused.
    assert!(gokku_proxy::Proxy::start(site.config()).await.is_err());
}

#[tokio::test]
async fn what_is_kept_counts_for_what_it_is_and_not_for_its_name() {
    let manager = Manager::new();
    let mut site = Site::stopped();
    site.start_managed(manager.given()).await.unwrap();
    let port = site.open().await;
    site.kill().await;
    let other = site.ports + 5;
    let listening = |host: Ipv4Addr, port: u16| OwnedFd::from(TcpListener::bind((host, port)).unwrap());
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    let unbound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (one, _another) = std::io::pipe().unwrap();
    // The port's socket has got another name, and its name something else has.
    {
        let mut state = manager.state.lock().unwrap();
        for (name, _) in &mut state.kept {
            if *name == port_name(port) {
                *name = "x".to_owned();
            }
        }
    }
    let given = manager.given_with(vec![
        (port_name(port), listening(elsewhere, port)),
        (port_name(other), listening(Ipv4Addr::LOCALHOST, other)),
        ("y".to_owned(), unbound.into()),
        ("control".to_owned(), one.into()),
    ]);
    // Nobody else can have them before.
    assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, other)).is_err());
    site.start_managed(given).await.unwrap();
    Wire::connect(port).await;
    manager.keeps(&["control", &port_name(port)]).await;
    TcpListener::bind((Ipv4Addr::LOCALHOST, other)).expect("it is closed");
    TcpListener::bind((elsewhere, port)).expect("it is closed");
    // And so it is served by the next one, too.
    site.kill().await;
    site.start_managed(manager.given()).await.unwrap();
    Wire::connect(port).await;
    assert_eq!(manager.told(), [""; 0]);
}

#[tokio::test]
async fn a_port_that_is_given_back_is_nobodys() {
    let manager = Manager::new();
    let mut site = Site::stopped();
    site.start_managed(manager.given()).await.unwrap();
    for _ in 0..20 {
        let port = site.open().await;
        site.client.delete(&app("api")).await.unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it is closed, and kept by nobody");
    }
    manager.keeps(&["control"]).await;
}

#[tokio::test]
async fn what_does_not_fit_is_not_kept_and_served_all_the_same() {
    let manager = Manager::new();
    let mut site = Site::stopped();
    let given = ServiceManager {
        capacity: 3,
        ..manager.given()
    };
    site.start_managed(given).await.unwrap();
    let mut ports = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let put = site.client.put(&app(name), PutRoute::From(site.ports)).await;
        ports.push(put.unwrap().port.unwrap());
    }
    let kept = ["control", &port_name(ports[0]), &port_name(ports[1])];
    manager.keeps(&kept).await;
    for port in &ports {
        Wire::connect(*port).await;
    }
    // There is room again.
    site.client.delete(&app("a")).await.unwrap();
    let put = site.client.put(&app("e"), PutRoute::From(site.ports + 6)).await;
    let last = port_name(put.unwrap().port.unwrap());
    manager.keeps(&["control", &port_name(ports[1]), &last]).await;
}

/// The sockets of a switch that is replaced are with the new one's service manager before the old one goes.
#[tokio::test]
async fn p47_what_is_handed_over_is_kept() {
    let (before, after) = (Manager::new(), Manager::new());
    let mut site = Site::stopped();
    site.start_managed(before.given()).await.unwrap();
    let port = site.open().await;
    let leaving = site.take_over_managed(after.given()).await;
    after.keeps(&["control", &port_name(port)]).await;
    leaving.await.unwrap();
    site.kill().await;
    site.start_managed(after.given()).await.unwrap();
    Wire::connect(port).await;
    assert_eq!(after.told(), [""; 0]);

    // Within one service the service manager is the same.
    let leaving = site.take_over_managed(ServiceManager {
        kept: Vec::new(),
        ..after.given()
    });
    leaving.await.await.unwrap();
    after.keeps(&["control", &port_name(port)]).await;
    site.kill().await;
    site.start_managed(after.given()).await.unwrap();
    Wire::connect(port).await;
    assert_eq!(after.told(), [""; 0]);
}
