//! P49: nothing passes from one network to another, also while networks are made, which anybody does who may push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::containers::{Isolated, Isolation, LogLine};
use gokku_core::machine::subnet::Subnet;

use crate::support::{Lab, docker, until};

/// The first engine that needs no rule beside its own.
const KEEPS_APART: u32 = 28;

/// How many connections are tried while networks are made, each time.
const KNOCKS: usize = 400;

/// Networks without a label, so that no server on this engine keeps them apart.
#[derive(Default)]
struct Unlabelled(Vec<String>);

impl Unlabelled {
    fn make(&mut self, lab: &Lab, name: &str, subnet: &str) -> String {
        let name = lab.name(name);
        docker(&["network", "create", "--subnet", subnet, &name]);
        self.0.push(name.clone());
        name
    }
}

impl Drop for Unlabelled {
    fn drop(&mut self) {
        for name in &self.0 {
            docker(&["network", "rm", name]);
        }
    }
}

fn needs_a_rule(lab: &Lab) -> bool {
    let major = lab.engine.version().split('.').next().unwrap();
    major.parse::<u32>().unwrap() < KEEPS_APART
}

/// What an engine answers that needs the rule, or that needs none.
fn or_by_engine(lab: &Lab, found: Isolated) -> Isolated {
    if needs_a_rule(lab) {
        found
    } else {
        Isolated::ByEngine
    }
}

/// How many connections were made of those that a container tried, while networks came and went.
async fn reached(lab: &Lab, from: &ContainerId, to: &str) -> usize {
    let done = Arc::new(AtomicBool::new(false));
    let (until_then, name) = (Arc::clone(&done), lab.name("passing"));
    let making = tokio::task::spawn_blocking(move || {
        let mut made = 0;
        while !until_then.load(Ordering::Relaxed) {
            docker(&["network", "create", &name]);
            docker(&["network", "rm", &name]);
            made += 1;
        }
        made
    });
    let words = ["/app", "knock", to, "8080", &KNOCKS.to_string()].map(str::to_owned);
    let mut said = String::new();
    let mut listen = |line: LogLine| said.push_str(&String::from_utf8_lossy(&line.bytes));
    let knocked = lab
        .engine
        .run_inside(from, &words, Duration::from_secs(60), &mut listen);
    let knocked = knocked.await;
    done.store(true, Ordering::Relaxed);
    let made: usize = making.await.unwrap();
    assert_eq!(knocked.unwrap(), Some(0), "{said}");
    assert!(made > 0, "nothing was made meanwhile");
    said.trim().parse().unwrap()
}

#[tokio::test]
async fn nothing_passes_while_networks_are_made() {
    let mut networks = Unlabelled::default();
    let lab = Lab::new().await;
    let image = lab.image().await;
    let part = format!("10.232.{}", std::process::id() % 256);
    let subnet = |text: String| text.parse::<Subnet>().unwrap();
    let (range, ours, theirs) = (
        subnet(format!("{part}.0/24")),
        subnet(format!("{part}.0/26")),
        subnet(format!("{part}.64/26")),
    );
    let own = networks.make(&lab, "own", &ours.to_string());
    let other = networks.make(&lab, "other", &theirs.to_string());
    let start = async |name: &str, network: &str, words: &[&str]| {
        let mut spec = lab.spec(&image, words);
        spec.name = lab.name(name);
        network.clone_into(&mut spec.network);
        lab.start(&spec).await
    };
    let server = start("server", &other, &["serve", "8080", "theirs"]).await;
    let beside = start("beside", &other, &["deaf", "ready"]).await;
    let attacker = start("attacker", &own, &["deaf", "ready"]).await;
    lab.said(&server, "serving").await;
    let facts = lab.engine.container(server.as_str()).await.unwrap().unwrap();
    let address = facts.addresses[&other].to_string();
    let meet = async || {
        let words = ["/app", "reach", &address, "8080"].map(str::to_owned);
        let limit = Duration::from_secs(60);
        let code = lab.engine.run_inside(&beside, &words, limit, &mut |_| {}).await;
        code.unwrap() == Some(0)
    };
    assert!(meet().await, "on its own network it is reached");

    // Without the rule some get through, unless the engine needs none: then this test could not fail.
    if needs_a_rule(&lab) {
        until("a connection that gets through without the rule", async || {
            (reached(&lab, &attacker, &address).await > 0).then_some(())
        })
        .await;
    }
    let apart = async || {
        let mut through = 0;
        for _ in 0..5 {
            through += reached(&lab, &attacker, &address).await;
        }
        assert_eq!(through, 0, "of {}", 5 * KNOCKS);
        assert!(meet().await, "who is on the same network is not kept from it");
    };
    let within = Isolation::of(lab.root.clone(), range, &[]);
    assert_eq!(lab.isolate(&within).await, or_by_engine(&lab, Isolated::Now));
    apart().await;

    // Networks that lie outside of the range: the same.
    lab.engine.end_isolation(&lab.root, range).await.unwrap();
    let elsewhere = Isolation {
        root: lab.root.clone(),
        range: subnet(format!("{part}.128/26")),
        beside: vec![ours, theirs],
    };
    assert_eq!(lab.isolate(&elsewhere).await, or_by_engine(&lab, Isolated::Now));
    apart().await;
}

/// It is made once, made anew when somebody has taken it away, and goes without a trace, whatever else is there.
#[tokio::test]
async fn the_rule_is_made_once_and_goes() {
    let lab = Lab::new().await;
    let part = format!("10.233.{}", std::process::id() % 256);
    let of = |range: String| Isolation::of(lab.root.clone(), range.parse().unwrap(), &[]);
    let (one, other) = (of(format!("{part}.0/26")), of(format!("{part}.64/26")));
    for found in [Isolated::Now, Isolated::Already] {
        assert_eq!(lab.isolate(&one).await, or_by_engine(&lab, found));
        assert_eq!(lab.isolate(&other).await, or_by_engine(&lab, found));
    }
    lab.engine.end_isolation(&lab.root, one.range).await.unwrap();
    lab.engine
        .end_isolation(&lab.root, one.range)
        .await
        .expect("one that is not there is no error");
    assert_eq!(lab.isolate(&other).await, or_by_engine(&lab, Isolated::Already));
    assert_eq!(lab.isolate(&one).await, or_by_engine(&lab, Isolated::Now));
    let left = docker(&[
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("label=gokku.root={}", lab.root),
    ]);
    assert_eq!(left, "", "no container stays");
}
