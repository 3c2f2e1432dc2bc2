//! Limits how many connections clients may have, in all and to each app, and how many bytes their partial heads may take.
//! Where there are too many, the longest idle ones make room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gokku_core::AppName;
use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use crate::client::connection_state::{ActiveRequest, ConnectionState, Phase};
use crate::config::limits::Limits;
use crate::http::head_scanner::Follows;
use crate::support::lock::lock;

/// Descriptors for other things: ports, the control API, the route table, the Docker Engine.
const RESERVED_DESCRIPTORS: u64 = 128;
/// With more connections than this it is remembered for a while that none can make room, because looking at all of them
/// takes time.
const MANY: usize = 1024;
const REMEMBER_FULL: Duration = Duration::from_millis(50);

/// Admits connections.
#[derive(Debug)]
pub(crate) struct ConnectionLimiter {
    max: usize,
    max_per_app: usize,
    /// The bytes of all partial heads, and how many there may be.
    partial_heads: AtomicUsize,
    max_partial_heads: usize,
    /// There were more.
    flooded: AtomicBool,
    admitted: Mutex<Admitted>,
}

#[derive(Debug, Default)]
struct Admitted {
    next: u64,
    /// Each with the app that it counts for; with none before the first request that says by its domain whose it is.
    all: HashMap<u64, (Option<AppName>, Arc<ConnectionState>)>,
    per_app: HashMap<AppName, usize>,
    /// Until when no connection can make room: of one app, or of any.
    full: HashMap<Option<AppName>, Instant>,
}

/// The permit of a connection that was admitted; dropping it makes room for another one.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    number: u64,
    connection: Arc<ConnectionState>,
    /// The app that it counts for.
    app: Mutex<Option<AppName>>,
}

/// Returns how many connections the process has descriptors for: each costs two, its own and the one to the app.
fn max_by_descriptors() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let max = (descriptors.saturating_sub(RESERVED_DESCRIPTORS) / 2).max(1);
    usize::try_from(max).unwrap_or(usize::MAX)
}

impl ConnectionLimiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let max = limits.max_connections.unwrap_or_else(max_by_descriptors);
        let share = (max - max / 4).max(1);
        Self {
            max,
            max_per_app: limits.max_app_connections.unwrap_or(share),
            partial_heads: AtomicUsize::new(0),
            max_partial_heads: limits.max_heads_bytes,
            flooded: AtomicBool::new(false),
            admitted: Mutex::default(),
        }
    }

    fn admitted(&self) -> MutexGuard<'_, Admitted> {
        lock(&self.admitted)
    }

    /// Notes how many bytes a connection's partial head has.
    fn set_partial_head(&self, connection: &ConnectionState, bytes: usize) {
        let before = connection.set_partial_head(bytes);
        if bytes <= before {
            self.partial_heads.fetch_sub(before - bytes, Ordering::Relaxed);
            return;
        }
        let more = bytes - before;
        let all = self.partial_heads.fetch_add(more, Ordering::Relaxed) + more;
        if all > self.max_partial_heads {
            self.shed_partial_heads();
        }
    }

    /// Returns, once after each flood of partial heads, that it is over.
    pub(crate) fn take_flood_end(&self) -> bool {
        let over = self.partial_heads.load(Ordering::Relaxed) <= self.max_partial_heads / 4;
        over && self.flooded.load(Ordering::Relaxed) && self.flooded.swap(false, Ordering::Relaxed)
    }

    /// Ends the connections with the oldest partial heads: a quarter of what there may be at once, because finding them
    /// means looking at all.
    fn shed_partial_heads(&self) {
        let mut admitted = self.admitted();
        let down_to = self.max_partial_heads - self.max_partial_heads / 4;
        let left = |limiter: &Self| limiter.partial_heads.load(Ordering::Relaxed);
        if left(self) <= self.max_partial_heads {
            // Another thread has done it meanwhile.
            return;
        }
        self.flooded.store(true, Ordering::Relaxed);
        let mut heads: Vec<(Instant, u64)> = admitted
            .all
            .iter()
            .filter(|(_, (_, connection))| connection.has_partial_head())
            .map(|(number, (_, connection))| (connection.phase().1, *number))
            .collect();
        heads.sort_unstable();
        for (_, number) in heads {
            if left(self) <= down_to {
                return;
            }
            let Some((_, connection)) = admitted.all.get(&number) else {
                continue;
            };
            if connection.shed() {
                self.partial_heads
                    .fetch_sub(connection.set_partial_head(0), Ordering::Relaxed);
                admitted.remove(number);
            }
        }
    }

    /// Admits a connection, if there is room or room can be made: to an app, or to whichever app its requests will be for.
    pub(crate) fn admit(self: &Arc<Self>, app: Option<&AppName>) -> Option<ConnectionPermit> {
        self.admit_as(app, Arc::new(ConnectionState::new()))
    }

    /// Admits a request of HTTP/2, which costs what a connection costs: it has one to the app.
    pub(crate) fn admit_request(
        self: &Arc<Self>,
        app: Option<&AppName>,
    ) -> Option<(ConnectionPermit, ActiveRequest)> {
        let state = Arc::new(ConnectionState::new());
        // Begun first, so that it is never one that could make room.
        let active = state.begin_request(Follows::Unknown);
        Some((self.admit_as(app, state)?, active))
    }

    fn admit_as(
        self: &Arc<Self>,
        app: Option<&AppName>,
        connection: Arc<ConnectionState>,
    ) -> Option<ConnectionPermit> {
        let mut admitted = self.admitted();
        if app.is_some_and(|app| !admitted.has_room(app, self.max_per_app)) {
            return None;
        }
        if admitted.all.len() >= self.max && !admitted.make_room(None, self.max) {
            return None;
        }
        let number = admitted.next;
        admitted.next += 1;
        admitted
            .all
            .insert(number, (app.cloned(), Arc::clone(&connection)));
        if let Some(app) = app {
            *admitted.per_app.entry(app.clone()).or_default() += 1;
        }
        Some(ConnectionPermit {
            limiter: Arc::clone(self),
            number,
            connection,
            app: Mutex::new(app.cloned()),
        })
    }
}

impl Admitted {
    /// Returns whether an app has room for one more connection; it is made if it can be.
    fn has_room(&mut self, app: &AppName, max: usize) -> bool {
        let of_app = self.per_app.get(app).copied().unwrap_or_default();
        of_app < max || self.make_room(Some(app), max)
    }

    /// Has a connection count for this app from now on.
    fn assign(&mut self, number: u64, app: &AppName) {
        let Some((counted, _)) = self.all.get_mut(&number) else {
            return;
        };
        if let Some(before) = counted.replace(app.clone()) {
            self.leave(&before);
        }
        *self.per_app.entry(app.clone()).or_default() += 1;
    }

    /// Has an app have one connection less.
    fn leave(&mut self, app: &AppName) {
        if let Some(count) = self.per_app.get_mut(app) {
            *count -= 1;
            if *count == 0 {
                self.per_app.remove(app);
            }
        }
    }

    /// Ends connections without a request, of one app or of any: idle ones before those that have sent part of a head, and
    /// the oldest of each first. Ends several at once, because finding them means looking at all.
    fn make_room(&mut self, app: Option<&AppName>, max: usize) -> bool {
        let now = Instant::now();
        let key = app.cloned();
        if self.full.get(&key).is_some_and(|until| now < *until) {
            return false;
        }
        let mut candidates: Vec<((Phase, Instant), u64)> = self
            .all
            .iter()
            .filter(|(_, (one, _))| app.is_none_or(|app| one.as_ref() == Some(app)))
            .map(|(number, (_, connection))| (connection.phase(), *number))
            .filter(|((phase, _), _)| *phase != Phase::Busy)
            .collect();
        candidates.sort_unstable();
        let mut room = false;
        for (_, number) in candidates.into_iter().take((max / 32).max(1)) {
            let shed = self
                .all
                .get(&number)
                .is_some_and(|(_, connection)| connection.shed());
            if shed {
                // It is as good as gone: its task closes it as soon as it runs.
                self.remove(number);
                room = true;
            }
        }
        if room {
            self.full.remove(&key);
        } else if self.all.len() > MANY {
            self.full.insert(key, now + REMEMBER_FULL);
        }
        room
    }

    fn remove(&mut self, number: u64) {
        if let Some((Some(app), _)) = self.all.remove(&number) {
            self.leave(&app);
        }
    }
}

impl ConnectionPermit {
    /// Returns the state of the connection.
    pub(crate) fn connection(&self) -> &Arc<ConnectionState> {
        &self.connection
    }

    /// Has the connection count for the app of its newest request; false when that app has no room for it.
    pub(crate) fn assign(&self, app: &AppName) -> bool {
        let mut counted = lock(&self.app);
        if counted.as_ref() == Some(app) {
            return true;
        }
        let mut admitted = self.limiter.admitted();
        if !admitted.has_room(app, self.limiter.max_per_app) {
            return false;
        }
        admitted.assign(self.number, app);
        *counted = Some(app.clone());
        true
    }

    /// Notes how many bytes the connection's partial head has.
    pub(crate) fn set_partial_head(&self, bytes: usize) {
        self.limiter.set_partial_head(&self.connection, bytes);
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.set_partial_head(0);
        self.limiter.admitted().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(max: usize, max_per_app: usize) -> Arc<ConnectionLimiter> {
        Arc::new(ConnectionLimiter::new(&Limits {
            max_connections: Some(max),
            max_app_connections: Some(max_per_app),
            ..Limits::default()
        }))
    }

    fn app(name: &str) -> AppName {
        name.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn admit(limiter: &Arc<ConnectionLimiter>, name: &str) -> ConnectionPermit {
        limiter
            .admit(Some(&app(name)))
            .unwrap_or_else(|| panic!("no room for {name}"))
    }

    /// Idle connections go first, the longest idle one before others; then those that have sent part of a head; never one
    /// whose request is being answered.
    #[test]
    fn which_connections_make_room() {
        let limiter = limiter(4, 4);
        let permits: Vec<ConnectionPermit> = (0..4).map(|_| admit(&limiter, "api")).collect();
        let [busy, head, idle, newer] = &permits[..] else {
            unreachable!()
        };
        head.connection().bytes_received();
        let active = busy.connection().begin_request(Follows::Body(0));
        // It was busy meanwhile, so it has been idle for less time than the one that came after it.
        drop(idle.connection().begin_request(Follows::Body(0)));
        let mut later = Vec::new();
        for goes in [newer, idle] {
            later.push(admit(&limiter, "api"));
            assert!(goes.connection().is_shed());
        }
        let active_later: Vec<_> = later
            .iter()
            .map(|permit| permit.connection().begin_request(Follows::Body(0)))
            .collect();
        assert!(!head.connection().is_shed());
        let last = admit(&limiter, "api");
        assert!(head.connection().is_shed());
        let active_last = last.connection().begin_request(Follows::Body(0));
        assert!(limiter.admit(Some(&app("api"))).is_none(), "all are busy");
        assert!(!busy.connection().is_shed());
        drop((active, active_later, active_last));
        admit(&limiter, "api");
    }

    /// The oldest partial heads go, down to three quarters; busy and idle connections stay.
    #[test]
    fn partial_heads_have_a_budget() {
        let limiter = Arc::new(ConnectionLimiter::new(&Limits {
            max_heads_bytes: 1000,
            ..Limits::default()
        }));
        let [busy, idle] = [admit(&limiter, "api"), admit(&limiter, "api")];
        let _active = busy.connection().begin_request(Follows::Body(0));
        let heads: Vec<ConnectionPermit> = (0..10).map(|_| admit(&limiter, "api")).collect();
        for head in &heads {
            head.connection().bytes_received();
            head.set_partial_head(60);
            head.set_partial_head(100);
        }
        let shed = |permits: &[ConnectionPermit]| {
            permits
                .iter()
                .filter(|permit| permit.connection().is_shed())
                .count()
        };
        assert_eq!(shed(&heads), 0);
        let last = admit(&limiter, "other");
        last.connection().bytes_received();
        last.set_partial_head(50);
        assert_eq!(shed(&heads), 3, "750 bytes are left");
        assert_eq!(shed(&[busy, idle, last]), 0);
        assert!(!limiter.take_flood_end());
        // A connection that ends gives back what it had; one that was shed has given it back already.
        drop(heads);
        assert_eq!(limiter.partial_heads.load(Ordering::Relaxed), 0);
        assert!(limiter.take_flood_end());
        assert!(!limiter.take_flood_end());
    }

    #[test]
    fn an_app_has_its_share() {
        let limiter = limiter(4, 3);
        let api: Vec<ConnectionPermit> = (0..3).map(|_| admit(&limiter, "api")).collect();
        let busy: Vec<_> = api
            .iter()
            .map(|permit| permit.connection().begin_request(Follows::Body(0)))
            .collect();
        assert!(limiter.admit(Some(&app("api"))).is_none());
        let other = admit(&limiter, "other");
        // There is no room at all now, except the other app's own.
        drop(admit(&limiter, "other"));
        assert!(other.connection().is_shed());
        drop((busy, api));
        let again: Vec<ConnectionPermit> = (0..3).map(|_| admit(&limiter, "api")).collect();
        assert!(again.iter().all(|permit| !permit.connection().is_shed()));
    }

    /// A connection of the domains counts for the app that its last request was for.
    #[test]
    fn a_connection_goes_from_app_to_app() {
        let limiter = limiter(8, 1);
        let [first, second] = [(); 2].map(|()| limiter.admit(None).unwrap_or_else(|| panic!("no room")));
        let busy = [&first, &second].map(|permit| permit.connection().begin_request(Follows::Body(0)));
        assert!(first.assign(&app("api")));
        assert!(first.assign(&app("api")));
        assert!(!second.assign(&app("api")), "its one connection is busy");
        assert!(second.assign(&app("web")));
        assert!(!first.assign(&app("web")));
        drop(busy);
        // It is idle now, and makes room.
        assert!(second.assign(&app("api")));
        assert!(first.connection().is_shed());
        assert_eq!(limiter.admitted().per_app, HashMap::from([(app("api"), 1)]));
        drop((first, second));
        assert_eq!(limiter.admitted().per_app, HashMap::new());
        assert_eq!(limiter.admitted().all.len(), 0);
    }

    /// A connection that was shed and then closes is not counted twice.
    #[test]
    fn each_connection_makes_room_once() {
        let limiter = limiter(2, 2);
        let (first, _second) = (admit(&limiter, "api"), admit(&limiter, "api"));
        let third = admit(&limiter, "api");
        drop(first);
        assert!(!third.connection().is_shed());
        assert_eq!(limiter.admitted().all.len(), 2);
        assert_eq!(limiter.admitted().per_app.get(&app("api")), Some(&2));
    }
}
