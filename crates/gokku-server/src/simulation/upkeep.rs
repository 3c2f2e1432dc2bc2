//! The supervisor itself, beside several apps: their containers end, the engine is restarted, and calls about one of them hang.
//! What befalls one app stays with it, and in the end everything is as it should be.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gokku_core::{AppName, ContainerId};
use gokku_tests::Chance;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::daemon::outside::Outside;
use crate::daemon::supervisor;
use crate::engine::fake::Fake;
use crate::engine::fake::fault::Fault;
use crate::engine::runtime::Runtime;
use crate::server::Server;
use crate::simulation::operation::Operation;
use crate::simulation::outcome::Expected;
use crate::simulation::schedules::seeds;
use crate::simulation::stage::{Cut, Shape, Stage, request};
use crate::worker::request::Operation as Asked;
use crate::worker::run::run_on;

const APPS: [&str; 3] = ["api", "blog", "shop"];

/// How long a container stays down before it is started again, where nothing else is said.
const DELAY: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// What is asked of the apps meanwhile: each goes on to serve, whatever comes of it.
const OPERATIONS: [Operation; 7] = [
    Operation::Deploy,
    Operation::BadDeploy,
    Operation::SickDeploy,
    Operation::Rollback,
    Operation::Restart,
    Operation::ScaleUp,
    Operation::ScaleDown,
];

/// How many schedules are tried.
const SCHEDULES: u64 = 60;

/// The world outside the daemon, in memory: its workers are tasks.
struct InMemory {
    server: Server,
    fake: Fake,
}

impl Outside for InMemory {
    fn connect(&self) -> BoxFuture<'_, Result<Arc<dyn Runtime>, gokku_core::containers::Error>> {
        std::future::ready(Ok(Arc::new(self.fake.clone()) as Arc<dyn Runtime>)).boxed()
    }

    fn is_there(&self) -> BoxFuture<'_, bool> {
        std::future::ready(true).boxed()
    }

    fn work<'a>(&'a self, app: &'a AppName, operation: Asked) -> BoxFuture<'a, ()> {
        async move {
            let request = request(&self.server.app_dir(app), operation);
            let (_keep, asked) = watch::channel(false);
            // What comes of it is in its log.
            let _ = Box::pin(run_on(&self.server, self.connect(), &request, asked)).await;
        }
        .boxed()
    }
}

/// A server with the apps, each with its container.
async fn fleet() -> Stage {
    let mut stage = Stage::new(Shape::ALL[0], Operation::Deploy).await;
    for app in &APPS[1..] {
        stage.add(app, Operation::Deploy).await;
    }
    stage
}

/// Lets the supervisor run while something happens.
async fn supervised<T>(stage: &mut Stage, happens: impl AsyncFnOnce(&mut Stage) -> T) -> T {
    stage.supervised = true;
    let server = stage.server.clone();
    let switch = Arc::clone(stage.switch.routes());
    let outside = Arc::new(InMemory {
        server: server.clone(),
        fake: stage.fake.clone(),
    });
    let happening = async {
        // It has looked at everything by then.
        sleep(SECOND * 3).await;
        happens(stage).await
    };
    tokio::select! {
        biased;
        done = happening => done,
        () = supervisor::run(&server, &switch, outside) => panic!("it runs for ever"),
    }
}

impl Stage {
    fn be(&mut self, app: &str) {
        self.app = app.parse().expect("a name");
    }

    /// The container of an app.
    fn container_of(&mut self, app: &str) -> Option<ContainerId> {
        self.be(app);
        self.containers().first().map(|one| one.id.clone())
    }

    /// Whether an app's requests would be answered: by a container that runs where the switch sends them.
    fn serves(&self, app: &str) -> bool {
        let app = app.parse().expect("a name");
        let routes = self.switch.routes();
        let Ok(route) = routes.route(&app) else {
            return false;
        };
        let status = routes.status(&route);
        let world = self.fake.world();
        let is_there = |target: &gokku_proxy::control::api::TargetStatus| {
            let there = world.at(target.address.ip());
            !target.down && there.is_some_and(|(facts, _)| facts.id == target.container)
        };
        !status.held && !status.targets.is_empty() && status.targets.iter().all(is_there)
    }

    /// Requests that would be sent to where somebody else is by now.
    fn astray(&self) -> Option<String> {
        let routes = self.switch.routes();
        let world = self.fake.world();
        for route in routes.routes().into_iter().map(|route| routes.status(&route)) {
            for target in route.targets.iter().filter(|target| !target.down) {
                let there = world.at(target.address.ip());
                if let Some((other, _)) = there.filter(|(facts, _)| facts.id != target.container) {
                    return Some(format!("requests of {} go to {}", route.app, other.name));
                }
            }
        }
        None
    }

    /// How long it takes until an app serves.
    async fn until_it_serves(&self, app: &str) -> Duration {
        let began = Instant::now();
        while !self.serves(app) {
            assert!(began.elapsed() < SECOND * 300, "{app} does not serve");
            sleep(SECOND / 10).await;
        }
        began.elapsed()
    }

    /// Waits until every app is as it should be.
    async fn until_all_is_well(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let mut wrong = Vec::new();
            for app in APPS {
                self.be(app);
                let looked = self.look(Expected::One).await;
                wrong.extend(looked.err().map(|why| format!("{app}: {why}")));
            }
            if wrong.is_empty() {
                return Ok(());
            }
            if began.elapsed() > SECOND * 120 {
                return Err(wrong.join("\n"));
            }
            sleep(SECOND * 2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_is_started_again_after_its_delay() {
    let mut stage = fleet().await;
    supervised(&mut stage, async |stage: &mut Stage| {
        for app in APPS {
            let id = stage.container_of(app).expect("a container");
            stage.fake.dies(&id, 1);
            sleep(SECOND / 10).await;
            assert!(!stage.serves(app), "{app}: the switch has heard of it");
            let took = stage.until_it_serves(app).await + SECOND / 10;
            assert!(took >= DELAY && took < DELAY + SECOND, "{app}: {took:?}");
        }
        // All at once: each may get the address that another one had.
        let ids = APPS.map(|app| stage.container_of(app).expect("a container"));
        for id in ids.iter().rev() {
            stage.fake.dies(id, 1);
        }
        for app in APPS {
            stage.until_it_serves(app).await;
        }
        assert_eq!(stage.astray(), None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_whose_calls_hang_keeps_no_other_from_being_started() {
    let mut stage = fleet().await;
    supervised(&mut stage, async |stage: &mut Stage| {
        let ids = APPS.map(|app| stage.container_of(app).expect("a container"));
        stage.fake.get_stuck([ids[0].clone()]);
        for id in &ids {
            stage.fake.dies(id, 1);
        }
        for app in &APPS[1..] {
            let took = stage.until_it_serves(app).await;
            assert!(took < DELAY + SECOND, "{app}: {took:?}");
        }
        sleep(SECOND * 60).await;
        assert!(!stage.serves(APPS[0]), "nobody can start it");
        assert!(stage.serves(APPS[1]) && stage.serves(APPS[2]));
        stage.fake.get_stuck([]);
        let took = stage.until_it_serves(APPS[0]).await;
        assert!(took < SECOND * 60, "{took:?}");
        stage.until_all_is_well().await.expect("all is well");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_restarted_gets_its_containers_back() {
    let mut stage = fleet().await;
    supervised(&mut stage, async |stage: &mut Stage| {
        stage.fake.restart();
        for app in APPS {
            let took = stage.until_it_serves(app).await;
            assert!(took < SECOND * 10, "{app}: {took:?}");
        }
        stage.until_all_is_well().await.expect("all is well");
    })
    .await;
}

/// Something happens to one of the apps, or to the engine.
async fn something(stage: &mut Stage, chance: &mut Chance) -> String {
    let app = chance.one_of(&APPS);
    let id = stage.container_of(app);
    let what = chance.below(10);
    match (what, id) {
        (0..=2, Some(id)) => {
            let code = [0, 1, 137][what];
            stage.fake.dies(&id, code);
            format!("{app} ends with {code}")
        }
        (3, Some(id)) => {
            stage.fake.world().remove(&id);
            format!("{app}'s container is removed")
        }
        (4, Some(id)) => {
            stage.fake.get_stuck([id]);
            format!("calls about {app} hang")
        }
        (5, _) => {
            stage.fake.get_stuck([]);
            "no call hangs".to_owned()
        }
        (6, _) => {
            stage.fake.restart();
            "the engine is restarted".to_owned()
        }
        _ => {
            let operation = chance.one_of(&OPERATIONS);
            let faults = (0..chance.below(3))
                .map(|_| (chance.below(60), chance.one_of(&Fault::ALL)))
                .collect();
            let cut = match chance.below(3) {
                0 => Cut::After(chance.below(100) + 1),
                _ => Cut::Never,
            };
            let about = format!("{operation:?} of {app}, {faults:?}, {cut:?}");
            let (told, _) = stage.act(operation, faults, cut).await;
            format!("{about}: {told}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn schedules_of_what_can_happen_come_to_a_good_end() {
    let mut wrong = Vec::new();
    for seed in seeds(SCHEDULES) {
        let mut stage = fleet().await;
        let mut told = Vec::new();
        let end = supervised(&mut stage, async |stage: &mut Stage| {
            let mut chance = Chance::new(seed);
            for _ in 0..=chance.below(8) {
                told.push(something(stage, &mut chance).await);
                let tenths = u32::try_from(chance.below(100)).unwrap_or_default();
                sleep(SECOND / 10 * tenths).await;
                if let Some(astray) = stage.astray() {
                    return Err(astray);
                }
            }
            stage.fake.get_stuck([]);
            stage.until_all_is_well().await
        });
        if let Err(why) = end.await {
            wrong.push(format!(
                "seed {seed}: {}: {why}\n{}",
                told.join(", "),
                stage.story()
            ));
        }
    }
    let tried = seeds(SCHEDULES).count();
    println!("schedules of what happens beside the supervisor: {tried}");
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
