//! The loop that looks, orders and renews. It decides nothing: what is due says the core, and what came of it is told to the core's
//! memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use gokku_acme::Issued;
use gokku_core::certificates::direction::Direction;
use gokku_core::certificates::memory::{Memory, Trouble};
use gokku_core::certificates::order::{self, Held, Known, Order, Source};
use gokku_core::certificates::problem::{Problem, said};
use gokku_core::certificates::proof::{self, Proof};
use gokku_core::domains::name::DomainName;
use gokku_core::text::causes::causes;
use gokku_core::text::utc_time::UtcTime;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::certificates::outside::{Certificate, Outside};

/// How many orders are under way at a time: so one that takes long does not hold up the others.
const AT_ONCE: usize = 4;
/// How many certificates an authority is asked about between two looks.
const QUESTIONS: usize = 8;
/// The pause before the next look when the wanted names could not be had.
const UNKNOWN: Duration = Duration::from_secs(10);

/// Who keeps certificates.
pub struct Keeper<'a, O> {
    outside: &'a O,
    memory: Memory,
    /// What was issued and could not be kept yet: no authority is asked for it again.
    issued: Vec<(Order, Issued)>,
}

impl<'a, O: Outside> Keeper<'a, O> {
    /// Returns one that remembers this.
    pub fn new(outside: &'a O, memory: Memory) -> Self {
        Self {
            outside,
            memory,
            issued: Vec::new(),
        }
    }

    /// Looks, and does what is due, for ever. `changed` is told when names or settings have changed.
    pub async fn run(mut self, changed: &Notify) {
        loop {
            let next = self.turn().await;
            let pause = next.since(self.outside.now()).max(Duration::from_secs(1));
            // Either is a reason to look again.
            let _ = timeout(pause, changed.notified()).await;
        }
    }

    /// Does what is due; returns when to look again.
    pub async fn turn(&mut self) -> UtcTime {
        let now = self.outside.now();
        let Some(wanted) = self.outside.wanted() else {
            return now.after(UNKNOWN);
        };
        self.install_again();
        let certificates = self.outside.held();
        let ids: BTreeSet<_> = certificates.iter().filter_map(|held| held.id.clone()).collect();
        self.memory.keep(&wanted, &ids);
        self.ask(&certificates).await;
        let held: Vec<Held> = certificates.iter().map(|held| self.held(held, now)).collect();
        let due = order::due(&Known {
            wanted: &wanted,
            held: &held,
            failures: &self.memory.failures,
            authority: self.memory.authority.as_ref(),
            begun: &self.memory.begun,
            settings: self.outside.settings(),
            now,
        });
        let pending: BTreeSet<&DomainName> = self.issued.iter().flat_map(|(order, _)| &order.names).collect();
        let mut orders = due.orders;
        orders.retain(|order| !order.names.iter().any(|name| pending.contains(name)));
        let are_any = !orders.is_empty();
        let (ready, away) = self.those_that_lead_here(orders).await;
        for (name, problem) in away {
            let (now, draw) = (self.outside.now(), self.outside.draw());
            self.memory.name_failed(&name, problem, String::new(), now, draw);
        }
        self.order_all(ready, &certificates).await;
        self.outside.remember(&self.memory);
        let now = self.outside.now();
        if are_any {
            return now;
        }
        let next_question = self.memory.next_question();
        let again = (!self.issued.is_empty()).then(|| now.after(UNKNOWN));
        let others = next_question.into_iter().chain(again);
        others.fold(due.next_look, UtcTime::min)
    }

    fn held(&mut self, certificate: &Certificate, now: UtcTime) -> Held {
        let source = match &certificate.id {
            None => Source::Own,
            Some(id) => {
                let ordered = self.memory.of(id, now, self.outside.draw());
                Source::Ordered {
                    id: id.clone(),
                    window: ordered.window,
                    draw: ordered.draw,
                }
            }
        };
        Held {
            names: certificate.names.clone(),
            validity: certificate.validity,
            source,
        }
    }

    /// Asks the authority when certificates are to be renewed.
    async fn ask(&mut self, certificates: &[Certificate]) {
        let now = self.outside.now();
        let ids: Vec<_> = self
            .memory
            .to_ask(now)
            .into_iter()
            .take(QUESTIONS)
            .cloned()
            .collect();
        for id in ids {
            let of_it = certificates.iter().find(|held| held.id.as_ref() == Some(&id));
            let answered = match of_it {
                Some(certificate) => self.outside.information(&certificate.der).await,
                None => Ok(None),
            };
            let information = answered.unwrap_or_else(|error| {
                tracing::warn!(%id, "its renewal information: {}", causes(&error));
                None
            });
            let information = information.map(|information| (information.window, information.wait));
            self.memory.informed(&id, information, self.outside.now());
        }
    }

    /// The orders of which all names lead here, and the names that do not.
    async fn those_that_lead_here(&self, orders: Vec<Order>) -> (Vec<Order>, BTreeMap<DomainName, Problem>) {
        // A wildcard leads nowhere, it is proved by the DNS.
        let names = orders.iter().flat_map(|order| &order.names);
        let names: BTreeSet<DomainName> = names.filter(|name| !name.is_wildcard()).cloned().collect();
        let outside = self.outside;
        let looks = stream::iter(names).map(|name| async move {
            let direction = outside.look(&name).await;
            (name, direction)
        });
        let looks: Vec<(DomainName, Direction)> = looks.buffer_unordered(AT_ONCE).collect().await;
        let mut away = BTreeMap::new();
        for (name, direction) in looks {
            match direction {
                Direction::Here => {}
                Direction::Unanswered(_) => {
                    tracing::warn!(%name, "this server does not reach itself by this name; a certificate is ordered all the same");
                }
                Direction::NotHere(problem) => {
                    away.insert(name, problem);
                }
            }
        }
        let leads = |order: &Order| !order.names.iter().any(|name| away.contains_key(name));
        let ready = orders.into_iter().filter(leads).collect();
        (ready, away)
    }

    async fn order_all(&mut self, orders: Vec<Order>, certificates: &[Certificate]) {
        for _ in &orders {
            self.memory.begins(self.outside.now());
        }
        // Who is killed now knows that these were begun.
        if !orders.is_empty() {
            self.outside.remember(&self.memory);
        }
        let failures = self.memory.failures.clone();
        let outside = self.outside;
        let under_way = stream::iter(orders).map(|order| {
            let names: Vec<(DomainName, Proof)> = order
                .names
                .iter()
                .map(|name| (name.clone(), proof::next(name, failures.get(name))))
                .collect();
            let renews = order.renews.as_ref();
            let renews = certificates
                .iter()
                .find(|held| renews.is_some() && held.id.as_ref() == renews);
            async move {
                let ordered = outside
                    .order(&names, renews.map(|held| held.der.as_slice()))
                    .await;
                (order, ordered)
            }
        });
        let mut under_way = std::pin::pin!(under_way.buffer_unordered(AT_ONCE));
        while let Some((order, ordered)) = under_way.next().await {
            match ordered {
                Ok(issued) => self.install(order, issued),
                Err(error) => {
                    tracing::warn!(names = %shown(&order), "no certificate: {}", causes(&error));
                    let trouble = Trouble {
                        problem: error.problem,
                        said: error.said,
                        names: error.names,
                    };
                    let now = self.outside.now();
                    self.memory.failed(&order, trouble, now, || self.outside.draw());
                }
            }
            self.outside.remember(&self.memory);
        }
    }

    fn install(&mut self, order: Order, issued: Issued) {
        match self.outside.install(&order.id, &issued) {
            Ok(()) => {
                tracing::info!(names = %shown(&order), "a certificate was issued");
                let (now, draw) = (self.outside.now(), self.outside.draw());
                self.memory.succeeded(&order, now, draw);
            }
            Err(error) => {
                tracing::error!(names = %shown(&order), "the certificate could not be kept: {}", causes(&*error));
                let trouble = Trouble {
                    problem: Problem::Local,
                    said: said(&causes(&*error)),
                    names: BTreeMap::new(),
                };
                let now = self.outside.now();
                self.memory.failed(&order, trouble, now, || self.outside.draw());
                self.issued.push((order, issued));
            }
        }
    }

    /// Tries once more to keep what could not be kept.
    fn install_again(&mut self) {
        for (order, issued) in std::mem::take(&mut self.issued) {
            self.install(order, issued);
        }
    }
}

fn shown(order: &Order) -> String {
    let names: Vec<String> = order.names.iter().map(ToString::to_string).collect();
    names.join(" ")
}
