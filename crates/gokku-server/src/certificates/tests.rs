//! The keeper in a world in memory: names, certificates and an authority that is told how to misbehave.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gokku_acme::{Information, Issued};
use gokku_core::AppName;
use gokku_core::certificates::direction::Direction;
use gokku_core::certificates::draw::Draw;
use gokku_core::certificates::memory::Memory;
use gokku_core::certificates::order::{CertificateId, Settings};
use gokku_core::certificates::problem::Problem;
use gokku_core::certificates::proof::Proof;
use gokku_core::certificates::renewal::{SuggestedWindow, Validity};
use gokku_core::certificates::retry::Failure;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;

use crate::certificates::keeper::Keeper;
use crate::certificates::memory_file;
use crate::certificates::outside::{Certificate, Outside, Terms};

const DAY: i64 = 86_400;

#[derive(Default)]
struct State {
    now: i64,
    wanted: Vec<&'static str>,
    /// Names that lead elsewhere, and names that the authority cannot prove.
    elsewhere: Vec<&'static str>,
    unprovable: Vec<&'static str>,
    is_away: bool,
    is_disk_full: bool,
    window: Option<SuggestedWindow>,
    directory: &'static str,
    /// What was told of failures.
    told: Vec<String>,
    held: Vec<Certificate>,
    /// Each order's names, with what it renews.
    orders: Vec<String>,
    kept: Memory,
}

#[derive(Default)]
struct World(Mutex<State>);

impl World {
    fn wants(names: &[&'static str]) -> Self {
        let world = Self::default();
        world.with(|state| {
            state.now = 1_800_000_000;
            state.wanted = names.to_vec();
        });
        world
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("nobody panicked"))
    }

    fn orders(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.orders))
    }

    fn names(&self) -> Vec<String> {
        self.with(|state| {
            let names = state.held.iter().flat_map(|held| &held.names);
            let mut names: Vec<String> = names.map(ToString::to_string).collect();
            names.sort();
            names
        })
    }
}

fn error(problem: Problem, names: BTreeMap<DomainName, (Problem, String)>) -> gokku_acme::Error {
    gokku_acme::Error {
        problem,
        said: String::new(),
        names,
        source: None,
    }
}

impl Outside for World {
    fn now(&self) -> UtcTime {
        self.with(|state| UtcTime(state.now))
    }

    fn draw(&self) -> Draw {
        Draw(0)
    }

    fn terms(&self) -> Option<Terms> {
        Some(Terms {
            settings: Settings {
                agreed: true,
                public: true,
                dns_hook: false,
                dns_only: false,
            },
            directory: self.with(|state| state.directory.to_owned()),
        })
    }

    fn wanted(&self) -> Option<BTreeMap<DomainName, AppName>> {
        let app: AppName = "web".parse().expect("a name");
        let names = self.with(|state| state.wanted.clone());
        Some(
            names
                .iter()
                .map(|name| (name.parse().expect("a name"), app.clone()))
                .collect(),
        )
    }

    fn held(&self) -> BoxFuture<'_, Vec<Certificate>> {
        let held = self.with(|state| state.held.clone());
        async move { held }.boxed()
    }

    fn look<'a>(&'a self, name: &'a DomainName) -> BoxFuture<'a, Direction> {
        let is_elsewhere = self.with(|state| state.elsewhere.contains(&name.as_str()));
        let found = BTreeSet::new();
        let direction = if is_elsewhere {
            Direction::NotHere(Problem::Elsewhere { found })
        } else {
            Direction::Here
        };
        async move { direction }.boxed()
    }

    fn order<'a>(
        &'a self,
        names: &'a [(DomainName, Proof)],
        renews: Option<&'a [u8]>,
    ) -> BoxFuture<'a, Result<Issued, gokku_acme::Error>> {
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let renews = renews.map(|der| format!(" < {}", String::from_utf8_lossy(der)));
        let ordered = self.with(|state| {
            state.orders.push(names.join(" ") + &renews.unwrap_or_default());
            if state.is_away {
                return Err(error(Problem::AuthorityAway, BTreeMap::new()));
            }
            let failed = names.iter().filter(|name| state.unprovable.contains(name));
            let failed: BTreeMap<DomainName, _> = failed
                .map(|name| {
                    (
                        name.parse().expect("a name"),
                        (Problem::Connection, String::new()),
                    )
                })
                .collect();
            if failed.is_empty() {
                Ok(Issued {
                    chain: names.join(" "),
                    key: String::new(),
                })
            } else {
                Err(error(Problem::Connection, failed))
            }
        });
        async move { ordered }.boxed()
    }

    fn information<'a>(
        &'a self,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Information>, gokku_acme::Error>> {
        let window = self.with(|state| state.window);
        async move {
            Ok(window.map(|window| Information {
                window,
                wait: std::time::Duration::from_secs(6 * 3600),
                explanation: None,
            }))
        }
        .boxed()
    }

    fn install<'a>(
        &'a self,
        id: &'a CertificateId,
        issued: &'a Issued,
    ) -> BoxFuture<'a, Result<(), Box<dyn Error + Send + Sync>>> {
        let installed = self.with(|state| {
            if state.is_disk_full {
                return Err("no space left on device".into());
            }
            state.held.retain(|held| held.id.as_ref() != Some(id));
            state.held.push(Certificate {
                id: Some(id.clone()),
                names: issued
                    .chain
                    .split(' ')
                    .map(|name| name.parse().expect("a name"))
                    .collect(),
                validity: Validity {
                    not_before: UtcTime(state.now),
                    not_after: UtcTime(state.now + 90 * DAY),
                },
                der: issued.chain.clone().into_bytes(),
            });
            Ok(())
        });
        async move { installed }.boxed()
    }

    fn discard<'a>(&'a self, id: &'a CertificateId) -> BoxFuture<'a, ()> {
        self.with(|state| state.held.retain(|held| held.id.as_ref() != Some(id)));
        async {}.boxed()
    }

    fn failed(&self, names: &[DomainName], failure: &Failure) {
        let names: Vec<&str> = names.iter().map(DomainName::as_str).collect();
        let told = format!("{}: {}", names.join(" "), failure.problem);
        self.with(|state| state.told.push(told));
    }

    fn remember(&self, memory: &Memory) {
        self.with(|state| state.kept = memory.clone());
    }
}

/// Lets turns pass until nothing is due for so long.
async fn pass(keeper: &mut Keeper<'_, World>, world: &World, seconds: i64) {
    let end = world.with(|state| state.now) + seconds;
    for _ in 0..10_000 {
        let next = keeper.turn().await;
        let now = world.with(|state| state.now);
        if next.0 > end {
            world.with(|state| state.now = end);
            return;
        }
        world.with(|state| state.now = next.0.max(now + 1));
    }
    panic!("it is never done");
}

#[tokio::test]
async fn what_is_wanted_gets_a_certificate_within_a_minute_of_the_dns() {
    let world = World::wants(&["example.com", "www.example.com", "b.example.com"]);
    world.with(|state| state.elsewhere = vec!["b.example.com"]);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, 40).await;
    assert_eq!(world.orders(), ["example.com www.example.com"]);
    pass(&mut keeper, &world, 300).await;
    assert_eq!(world.orders(), [] as [&str; 0], "no authority is asked for it");
    world.with(|state| state.elsewhere.clear());
    pass(&mut keeper, &world, 600).await;
    assert_eq!(world.orders(), ["b.example.com"]);
    pass(&mut keeper, &world, 50 * DAY).await;
    assert_eq!(world.orders(), [] as [&str; 0]);
    pass(&mut keeper, &world, 30 * DAY).await;
    let renewed = [
        "b.example.com < b.example.com",
        "example.com www.example.com < example.com www.example.com",
    ];
    let mut orders = world.orders();
    orders.sort();
    assert_eq!(orders, renewed);
}

#[tokio::test]
async fn it_is_renewed_when_the_authority_says_so() {
    let world = World::wants(&["example.com"]);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, DAY).await;
    world.orders();
    let now = world.with(|state| state.now);
    world.with(|state| {
        state.window = Some(SuggestedWindow {
            start: UtcTime(now - DAY),
            end: UtcTime(now),
        });
    });
    pass(&mut keeper, &world, 7 * 3600).await;
    assert_eq!(
        world.orders().first().map(String::as_str),
        Some("example.com < example.com")
    );
}

#[tokio::test]
async fn a_full_disk_costs_no_second_order() {
    let world = World::wants(&["example.com"]);
    world.with(|state| state.is_disk_full = true);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, 3600).await;
    assert_eq!(world.orders(), ["example.com"]);
    assert_eq!(world.names(), [] as [&str; 0]);
    let failure = world.with(|state| state.kept.failures.values().next().cloned());
    assert_eq!(failure.expect("it is said").problem, Problem::Local);
    world.with(|state| state.is_disk_full = false);
    pass(&mut keeper, &world, 60).await;
    assert_eq!(world.names(), ["example.com"]);
    assert_eq!(world.orders(), [] as [&str; 0]);
    assert!(world.with(|state| state.kept.failures.is_empty()));
}

#[tokio::test]
async fn a_name_that_fails_and_an_authority_that_is_away_cost_no_certificate() {
    let world = World::wants(&["a.example.com", "b.example.com"]);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, 50 * DAY).await;
    assert_eq!(world.orders(), ["a.example.com b.example.com"]);
    world.with(|state| {
        state.unprovable = vec!["a.example.com"];
        state.is_away = true;
    });
    pass(&mut keeper, &world, 20 * DAY).await;
    let asked = world.orders().len();
    assert!((10..20 * 25).contains(&asked), "{asked}");
    world.with(|state| state.is_away = false);
    pass(&mut keeper, &world, DAY).await;
    assert_eq!(
        world.names(),
        ["a.example.com", "b.example.com", "b.example.com"],
        "the one that fails has its own still"
    );
    world.orders();
    world.with(|state| state.unprovable.clear());
    pass(&mut keeper, &world, DAY).await;
    assert_eq!(world.orders(), ["a.example.com < a.example.com b.example.com"]);
}

#[tokio::test]
async fn a_failure_is_told_once_and_another_one_anew() {
    let world = World::wants(&["a.example.com"]);
    world.with(|state| state.elsewhere = vec!["a.example.com"]);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, DAY).await;
    let told = world.with(|state| std::mem::take(&mut state.told));
    assert_eq!(told, ["a.example.com: the DNS leads elsewhere: "]);
    // Also over a restart.
    let mut keeper = Keeper::new(&world, world.with(|state| state.kept.clone()));
    pass(&mut keeper, &world, DAY).await;
    assert_eq!(world.with(|state| std::mem::take(&mut state.told)), [""; 0]);
    world.with(|state| {
        state.elsewhere.clear();
        state.is_away = true;
    });
    pass(&mut keeper, &world, DAY).await;
    world.with(|state| {
        state.is_away = false;
        state.unprovable = vec!["a.example.com"];
    });
    pass(&mut keeper, &world, DAY).await;
    let told = world.with(|state| std::mem::take(&mut state.told));
    assert_eq!(
        told,
        [
            ": the certificate authority could not be reached",
            "a.example.com: the certificate authority could not connect to this name"
        ]
    );
}

#[tokio::test]
async fn with_another_authority_certificates_are_renewed_by_that_one() {
    let world = World::wants(&["a.example.com"]);
    world.with(|state| state.directory = "https://staging");
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, DAY).await;
    assert_eq!(world.orders(), ["a.example.com"]);
    world.with(|state| state.directory = "https://production");
    pass(&mut keeper, &world, 60).await;
    assert_eq!(world.orders(), ["a.example.com < a.example.com"]);
    pass(&mut keeper, &world, DAY).await;
    assert_eq!(world.orders(), [""; 0]);
}

#[tokio::test]
async fn what_has_ended_and_nobody_wants_is_removed() {
    let world = World::wants(&["a.example.com", "b.example.org"]);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, DAY).await;
    assert_eq!(world.names(), ["a.example.com", "b.example.org"]);
    // One has no domain any more, the other cannot be renewed.
    world.with(|state| {
        state.wanted = vec!["a.example.com"];
        state.unprovable = vec!["a.example.com"];
    });
    pass(&mut keeper, &world, 88 * DAY).await;
    assert_eq!(world.names(), ["a.example.com", "b.example.org"]);
    pass(&mut keeper, &world, 3 * DAY).await;
    assert_eq!(world.names(), ["a.example.com"]);
}

#[tokio::test]
async fn what_is_remembered_outlives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.toml");
    assert_eq!(memory_file::load(&path).expect("nothing"), Memory::default());
    let world = World::wants(&["a.example.com", "b.example.org"]);
    world.with(|state| state.unprovable = vec!["a.example.com"]);
    let mut keeper = Keeper::new(&world, Memory::default());
    pass(&mut keeper, &world, 60).await;
    assert_eq!(world.orders().len(), 2);
    memory_file::save(&path, &world.with(|state| state.kept.clone())).expect("kept");
    let memory = memory_file::load(&path).expect("read");
    assert_eq!(memory, world.with(|state| state.kept.clone()));
    let mut keeper = Keeper::new(&world, memory);
    pass(&mut keeper, &world, 60).await;
    assert_eq!(world.orders(), [] as [&str; 0], "it waits as before");
}
