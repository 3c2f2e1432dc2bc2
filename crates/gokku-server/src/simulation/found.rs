//! What the simulation has found, each as the row that it was; and what it would not come to by itself.

use gokku_core::AppName;
use gokku_core::logs::event::Event;
use gokku_proxy::control::api::PutRoute;

use crate::engine::fake::fault::Fault;
use crate::simulation::operation::Operation;
use crate::simulation::outcome::Expected;
use crate::simulation::stage::{Cut, Shape, Stage};

/// The engine refuses to stop the old container, which gets its traffic back, and then does not answer: whoever went on later
/// stopped it for the new one all the same, while it had the traffic.
#[tokio::test(start_paused = true)]
async fn what_has_its_traffic_back_is_not_stopped() {
    let mut stage = Stage::new(Shape::ALL[1], Operation::Deploy).await;
    let calls = stage.calls(Operation::Deploy).await;
    let stop = calls.iter().position(|call| *call == "stop").expect("a stop");
    let mut met = 0;
    for later in stop + 1..stop + 15 {
        stage.reset().await;
        let faults = vec![(stop, Fault::Fails), (later, Fault::Lost)];
        let (told, calls) = stage.act(Operation::Deploy, faults, Cut::Never).await;
        if calls.get(later) == Some(&"remove") && told.contains("LeftUnfinished") {
            met += 1;
        }
        stage.settle().await;
        stage
            .look(Expected::One)
            .await
            .expect("it goes on with its traffic");
    }
    assert_eq!(met, 1);
}

/// The engine ends a build that nobody waits for any more: a failed release leaves no image.
#[tokio::test(start_paused = true)]
async fn what_a_late_build_makes_goes() {
    let mut stage = Stage::new(Shape::ALL[0], Operation::Deploy).await;
    let calls = stage.calls(Operation::Deploy).await;
    let build = calls.iter().position(|call| *call == "build").expect("a build");
    for late in 1..8 {
        let faults = vec![(build, Fault::Late { calls: late })];
        stage.attempt(Operation::Deploy, faults, Cut::Never, &[]).await;
        let looked = stage.look(Expected::One).await;
        looked.unwrap_or_else(|why| panic!("{late} calls later: {why}"));
    }
}

/// The new containers die when they have the traffic, and another app has got the former release's domain meanwhile: the traffic
/// goes back without it.
#[tokio::test(start_paused = true)]
async fn traffic_that_goes_back_waits_for_no_domain() {
    let mut stage = Stage::new(Shape::ALL[0], Operation::Deploy).await;
    let calls = stage.calls(Operation::Deploy).await;
    let tag = calls.iter().rposition(|call| *call == "tag").expect("a tag");
    stage.reset().await;
    let other: AppName = "other".parse().expect("a name");
    let switch = stage.server.switch.clone();
    let before = switch.route(&stage.app).await.expect("a route");
    let domain = before.release_domains[0].clone();
    switch.put(&other, PutRoute::Port(9999)).await.expect("a port");
    stage.switch.let_wait(other.clone(), domain.clone());

    let faults = vec![(tag, Fault::Restarts)];
    let (told, _) = stage.act(Operation::Deploy, faults, Cut::Never).await;
    assert!(told.contains("GaveUp"), "{told}\n{}", stage.story());
    let containers = |route: &gokku_proxy::control::api::RouteStatus| {
        let targets = route.targets.iter();
        targets.map(|target| target.container.clone()).collect::<Vec<_>>()
    };
    let after = switch.route(&stage.app).await.expect("a route");
    assert_eq!(containers(&after), containers(&before));
    assert_eq!(after.domains, []);
    let others = switch.route(&other).await.expect("a route").domains;
    assert_eq!(others, std::slice::from_ref(&domain));
    let lost = Event::DomainLost {
        domain,
        by: Some(other),
    };
    assert!(stage.has_told(&lost), "{lost:?}\n{}", stage.story());
}
