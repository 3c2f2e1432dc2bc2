//! Asks what has traffic whether it is healthy, again and again, for as long as the switch serves. What follows from an
//! answer is `health`'s rule; where it counts is where a target is picked (`switch`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gokku_core::{AppName, ContainerId};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::health::{Checks, Turn};
use crate::probe::{Probe, probe};
use crate::switch::Switch;
use crate::target::Target;
use crate::task::caught;

/// How long an answer may take.
const ONE_ANSWER: Duration = Duration::from_secs(5);
/// How often is looked who is to be asked.
const LOOK: Duration = Duration::from_millis(200);

/// A target that was taken out of the balance, or put back.
#[derive(Clone, Debug)]
pub struct Turned {
    /// The app.
    pub app: AppName,
    /// The container.
    pub container: ContainerId,
    /// Which of both.
    pub turn: Turn,
    /// What the check found that made it so.
    pub found: Probe,
}

/// Asks for ever, and tells of what changes.
pub async fn watch(switch: &Switch, checks: Checks, mut on_turn: impl FnMut(Turned)) {
    let mut due: HashMap<ContainerId, Instant> = HashMap::new();
    let mut asked: HashSet<ContainerId> = HashSet::new();
    let mut asking: JoinSet<(Arc<Target>, ContainerId, Option<Probe>)> = JoinSet::new();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = Instant::now();
                let all = switch.watched_targets();
                due.retain(|id, _| all.iter().any(|(_, container, _)| container == id));
                for (target, container, path) in all {
                    // One that has just got the traffic was asked before it did.
                    let health = target.health();
                    let first = if health.is_in() { now + health.pause(checks) } else { now };
                    let at = *due.entry(container.clone()).or_insert(first);
                    // Where it was started again meanwhile, nobody waits for the next time.
                    let at = at.min(now + health.pause(checks));
                    due.insert(container.clone(), at);
                    let Some(address) = target.reachable().filter(|_| at <= now) else { continue };
                    if asked.insert(container.clone()) {
                        asking.spawn(async move {
                            let asked = probe(address, &path, None, ONE_ANSWER);
                            let found = caught("a health check", asked).await;
                            (target, container, found)
                        });
                    }
                }
            }
            Some(Ok((target, container, found))) = asking.join_next() => {
                asked.remove(&container);
                // Nothing is known of one whose check has panicked: it is asked again.
                let Some(found) = found else {
                    due.insert(container, Instant::now() + target.health().pause(checks));
                    continue;
                };
                let (turn, health) = target.judge(found.is_healthy(), checks);
                due.insert(container.clone(), Instant::now() + health.pause(checks));
                if let Some(turn) = turn {
                    on_turn(Turned { app: target.app.clone(), container, turn, found });
                }
            }
        }
    }
}
