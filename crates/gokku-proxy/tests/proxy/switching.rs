//! Switches: atomic, under load, by weight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_proxy::control::api::{Refused, SwitchTo};

use crate::support::{Message, Named, PATIENCE, Site, Upstream, Wire, app, get, ok, refused, target, until};

const SWITCHES: usize = 200;
const REQUESTS: [&str; 2] = [
    "GET / HTTP/1.1\r\nhost: api\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 5\r\n\r\nhello",
];

/// What clients saw.
#[derive(Default)]
struct Seen {
    over: AtomicBool,
    answered: AtomicU64,
}

impl Seen {
    fn take(&self, answer: Result<Message, String>, how: &str) {
        let answer = answer.unwrap_or_else(|problem| panic!("{how}: {problem}"));
        assert_eq!(answer.status(), 200, "{how}: {answer:?}");
        assert!(answer.text().starts_with("app-"), "{how}: {answer:?}");
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

async fn ask(wire: &mut Wire, request: &str) -> Result<Message, String> {
    wire.try_send(request).await.map_err(|error| error.to_string())?;
    let answer = wire.try_message().await.map_err(|error| error.to_string())?;
    answer.ok_or_else(|| "closed".to_owned())
}

async fn keep_alive(port: u16, seen: Arc<Seen>, request: &'static str) {
    let mut wire = Wire::connect(port).await;
    while !seen.over.load(Ordering::Relaxed) {
        seen.take(ask(&mut wire, request).await, "keep-alive");
    }
}

async fn fresh(port: u16, seen: Arc<Seen>, request: &'static str) {
    while !seen.over.load(Ordering::Relaxed) {
        let answer = match Wire::try_connect(port).await {
            Ok(mut wire) => ask(&mut wire, request).await,
            Err(error) => Err(error.to_string()),
        };
        seen.take(answer, "fresh");
    }
}

/// Every old target is drained and then closed, while clients ask all the time: none sees anything of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p06_no_client_notices_two_hundred_switches() {
    let site = Site::new().await;
    let mut old = Named::new("app-0").await;
    let port = site.serve(old.target()).await;
    let seen = Arc::new(Seen::default());
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..8 {
        clients.spawn(keep_alive(port, Arc::clone(&seen), REQUESTS[number % 2]));
    }
    for number in 0..4 {
        clients.spawn(fresh(port, Arc::clone(&seen), REQUESTS[number % 2]));
    }
    for number in 1..=SWITCHES {
        let new = Named::new(&format!("app-{number}")).await;
        site.switch_to(new.target()).await;
        let container = old.target().container;
        let drained = site.drain(container.as_str(), PATIENCE, PATIENCE).await.unwrap();
        assert_eq!((drained.left, drained.cut), (0, 0));
        old.close().await;
        old = new;
        // The clients get on too.
        let before = seen.answered.load(Ordering::Relaxed);
        until("a request", async || {
            (seen.answered.load(Ordering::Relaxed) > before).then_some(())
        })
        .await;
    }
    seen.over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    assert_eq!(get(port, "/").await.text(), format!("app-{SWITCHES}"));
}

/// Once a switch has returned, the old target gets nothing, not even from kept connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_every_request_after_the_switch_reaches_the_new_target() {
    let site = Site::new().await;
    let apps = [Named::new("app-blue").await, Named::new("app-green").await];
    let port = site.serve(apps[0].target()).await;
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::connect(port).await;
        assert_eq!(wire.get("/").await.text(), "app-blue");
        kept.push(wire);
    }
    for round in 1..=50 {
        let new = &apps[round % 2];
        let name = new.target().container.to_string();
        site.switch_to(new.target()).await;
        for wire in &mut kept {
            assert_eq!(wire.get("/").await.text(), name);
        }
        assert_eq!(get(port, "/").await.text(), name);
    }
}

/// A request that is on its way when the switch comes is still the old target's.
#[tokio::test]
async fn p04_a_request_in_flight_is_not_moved() {
    let site = Site::new().await;
    let blue = Upstream::new().await;
    let green = Named::new("green").await;
    let port = site.serve(blue.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send("GET /slow HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut asked = blue.accept().await;
    asked.message().await;
    site.switch_to(green.target()).await;
    assert_eq!(get(port, "/").await.text(), "green");
    asked.send(ok("from blue")).await;
    assert_eq!(client.message().await.text(), "from blue");
    assert_eq!(client.get("/").await.text(), "green");
}

#[tokio::test]
async fn weights_share_the_traffic() {
    let site = Site::new().await;
    let (one, three) = (Named::new("one").await, Named::new("three").await);
    let port = site.open().await;
    let mut targets = vec![one.target(), three.target()];
    targets[1].weight = 3;
    site.switch_to_all(targets).await;
    let mut client = Wire::connect(port).await;
    for _ in 0..40 {
        client.get("/").await;
    }
    assert_eq!((one.asked().len(), three.asked().len()), (10, 30));
}

/// The one with the fewest requests in flight is next; one that is down, or refuses, is nobody's next.
#[tokio::test]
async fn a_request_goes_where_the_fewest_are() {
    let site = Site::new().await;
    let slow = Upstream::new().await;
    let quick = Named::new("quick").await;
    let port = site.open().await;
    let targets = vec![slow.target("slow"), quick.target()];
    site.switch_to_all(targets).await;
    // One hangs in the slow one; whichever comes now goes to the other.
    let mut hanging = Vec::new();
    let asked = loop {
        let mut client = Wire::connect(port).await;
        client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        hanging.push(client);
        if let Ok(asked) = tokio::time::timeout(Duration::from_millis(200), slow.accept()).await {
            break asked;
        }
    };
    let before = quick.asked().len();
    for _ in 0..20 {
        assert_eq!(get(port, "/").await.text(), "quick");
    }
    assert_eq!(quick.asked().len(), before + 20);
    drop(asked);
}

/// One of two refuses: each request is answered, and none waits for it.
#[tokio::test]
async fn one_that_refuses_is_passed_over() {
    let site = Site::new().await;
    let good = Named::new("good").await;
    let gone = Upstream::new().await;
    let address = gone.address();
    drop(gone);
    let port = site.open().await;
    let targets = vec![target("gone", address), good.target()];
    site.switch_to_all(targets).await;
    let began = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(get(port, "/").await.text(), "good");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_switch_to_nothing_is_refused() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let nothing = SwitchTo {
        targets: Vec::new(),
        ..SwitchTo::default()
    };
    let why = refused(site.client.switch(&app("api"), &nothing).await);
    assert!(matches!(why, Refused::Request { .. }), "{why:?}");
    assert_eq!(get(port, "/").await.text(), "blue");
    let targets = vec![blue.target()];
    let why = refused(
        site.client
            .switch(
                &app("web"),
                &SwitchTo {
                    targets,
                    ..SwitchTo::default()
                },
            )
            .await,
    );
    assert!(matches!(why, Refused::NoRoute { .. }), "{why:?}");
}

/// Two apps never share anything, also when somebody mixes up their containers.
#[tokio::test]
async fn an_app_gets_only_its_own_traffic() {
    let site = Site::new().await;
    let (api, web) = (Named::new("api").await, Named::new("web").await);
    let api_port = site.serve(target("the same id", api.address())).await;
    let put = gokku_proxy::control::api::PutRoute::From(api_port + 1);
    let web_port = site.client.put(&app("web"), put).await.unwrap().port.unwrap();
    let to = SwitchTo {
        targets: vec![target("the same id", web.address())],
        ..SwitchTo::default()
    };
    site.client.switch(&app("web"), &to).await.unwrap();
    for _ in 0..3 {
        assert_eq!(get(api_port, "/").await.text(), "api");
        assert_eq!(get(web_port, "/").await.text(), "web");
    }
}

/// Traffic goes back to the container it came from, as a rollback in time does.
#[tokio::test]
async fn traffic_can_go_back() {
    let site = Site::new().await;
    let (blue, green) = (Named::new("blue").await, Named::new("green").await);
    let port = site.serve(blue.target()).await;
    for app in [&green, &blue, &green, &blue] {
        site.switch_to(app.target()).await;
        assert_eq!(get(port, "/").await.text(), app.target().container.as_str());
        let drained = site.drain("green", Duration::ZERO, Duration::ZERO).await.unwrap();
        assert_eq!((drained.left, drained.cut), (0, 0));
    }
}

/// A target that stays as it is stays down where it is down, and one that is none cannot stay.
#[tokio::test]
async fn what_is_kept_stays_as_it_is() {
    let site = Site::new().await;
    let (one, two) = (Named::new("one").await, Named::new("two").await);
    let port = site.serve(one.target()).await;
    site.switch().mark_down(&ContainerId::new("one"));
    let to = SwitchTo {
        targets: vec![two.target()],
        keep: vec![ContainerId::new("one")],
        ..SwitchTo::default()
    };
    site.client.switch(&app("api"), &to).await.expect("a switch");
    let targets = site.route().await.targets;
    assert_eq!(
        targets.iter().map(|target| target.down).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(get(port, "/").await.text(), "two");
    let alone = SwitchTo {
        keep: vec![ContainerId::new("two")],
        ..SwitchTo::default()
    };
    site.client.switch(&app("api"), &alone).await.expect("a switch");
    assert_eq!(site.route().await.targets.len(), 1);
    let unknown = SwitchTo {
        keep: vec![ContainerId::new("three")],
        ..SwitchTo::default()
    };
    let why = refused(site.client.switch(&app("api"), &unknown).await);
    assert!(matches!(why, Refused::NoTarget { .. }), "{why}");
    assert_eq!(get(port, "/").await.text(), "two");
}
