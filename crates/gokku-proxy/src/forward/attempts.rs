//! The attempts to connect to an app, while nothing was sent to it: to which containers, for how long, and with which pauses.

use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::machine::backoff::Backoff;
use tokio::time::{Instant, sleep};

use crate::route::app_route::Route;

/// How long to try: a crashed container may be back by then.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The attempts for one request, or one connection of a TCP port.
pub(super) struct Attempts {
    began: Instant,
    pause: Backoff,
    refused_by: Vec<ContainerId>,
}

impl Attempts {
    /// Begins them now.
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            pause: Backoff::up_to(LONGEST_PAUSE),
            refused_by: Vec::new(),
        }
    }

    /// Returns the containers that have refused: others are tried first.
    pub(super) fn refused_by(&self) -> &[ContainerId] {
        &self.refused_by
    }

    /// Notes how long it was held. That time does not count: the container may have come up only just now.
    pub(super) fn was_held(&mut self, held: Duration) {
        self.began += held;
    }

    /// Returns whether the time is up.
    pub(super) fn are_over(&self) -> bool {
        self.began.elapsed() >= PATIENCE
    }

    /// Waits a little, because no container runs.
    pub(super) async fn wait(&mut self) {
        sleep(self.pause.take()).await;
    }

    /// Notes that a container has refused; waits where all have, to give them time.
    pub(super) async fn refused(&mut self, route: &Route, container: ContainerId) {
        if self.refused_by.contains(&container) || !route.has_other(&container) {
            self.refused_by.clear();
            self.wait().await;
        } else {
            self.refused_by.push(container);
        }
    }
}
