//! Checks the health of what has traffic, again and again, for as long as the switch serves. What follows from a check is
//! `target_health`'s rule; it counts where a target is picked (`balance`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gokku_core::{AppName, ContainerId};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::config::health_checks::Checks;
use crate::health::probe::{AskedName, Checked, Questions, check};
use crate::route::switch::{CheckedTarget, Switch};
use crate::route::target::Target;
use crate::route::target_health::HealthChange;
use crate::support::task::catch_panic;

/// How long a check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the monitor looks which checks are due.
const TICK: Duration = Duration::from_millis(200);

/// A target that was taken out of the balance, or put back.
#[derive(Clone, Debug)]
pub struct HealthChanged {
    /// The app.
    pub app: AppName,
    /// The container.
    pub container: ContainerId,
    /// Which of the two.
    pub change: HealthChange,
    /// The check that made the difference.
    pub checked: Checked,
}

/// Checks for ever, and reports what changes. `is_secured`: whether clients come to a host by HTTPS.
pub async fn monitor(
    switch: &Switch,
    is_secured: impl Fn(&str) -> bool,
    checks: Checks,
    mut on_change: impl FnMut(HealthChanged),
) {
    let mut due: HashMap<ContainerId, Instant> = HashMap::new();
    let mut under_way: HashSet<ContainerId> = HashSet::new();
    let mut running: JoinSet<(Arc<Target>, ContainerId, Option<Checked>)> = JoinSet::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = Instant::now();
                let all = switch.checked_targets();
                due.retain(|id, _| all.iter().any(|checked| checked.facts.container == *id));
                for CheckedTarget { target, facts, host } in all {
                    let container = facts.container.clone();
                    // A target that has just got the traffic was checked before it did.
                    let health = target.health();
                    let first = if health.is_in() { now + health.interval(checks) } else { now };
                    let at = *due.entry(container.clone()).or_insert(first);
                    // A target that was started again meanwhile does not wait for its next turn.
                    let at = at.min(now + health.interval(checks));
                    due.insert(container.clone(), at);
                    let Some(address) = target.reachable().filter(|_| at <= now) else { continue };
                    if under_way.insert(container.clone()) {
                        let name = host.map(|host| AskedName::new(&host, is_secured(&host)));
                        running.spawn(async move {
                            let asked = Questions {
                                address,
                                protocol: target.protocol(),
                                path: facts.health.as_deref(),
                                name: name.as_ref(),
                                tcp: &facts.tcp,
                                proxy_protocol: facts.proxy_protocol,
                            };
                            let checked = catch_panic("a health check", check(asked, CHECK_TIMEOUT)).await;
                            (target, container, checked)
                        });
                    }
                }
            }
            Some(Ok((target, container, checked))) = running.join_next() => {
                under_way.remove(&container);
                // A check that has panicked says nothing of its target: it is done again.
                let Some(checked) = checked else {
                    due.insert(container, Instant::now() + target.health().interval(checks));
                    continue;
                };
                let (change, health) = target.record_check(checked.probe.is_healthy(), checks);
                due.insert(container.clone(), Instant::now() + health.interval(checks));
                if let Some(change) = change {
                    on_change(HealthChanged { app: target.app.clone(), container, change, checked });
                }
            }
        }
    }
}
