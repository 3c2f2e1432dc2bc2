//! The loop that looks, orders and renews. It decides nothing: what is due says the core, and what came of it is told to the core's
//! memory.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use gokku_acme::Issued;
use gokku_core::AppName;
use gokku_core::certificates::direction::Direction;
use gokku_core::certificates::memory::{Memory, Trouble};
use gokku_core::certificates::order::{self, Held, Known, Order, Settings, Source};
use gokku_core::certificates::problem::{Problem, said};
use gokku_core::certificates::proof::{self, Proof};
use gokku_core::certificates::retry::Failure;
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
    /// What was kept of it last.
    kept: Option<Memory>,
    /// What was issued and could not be kept yet: no authority is asked for it again.
    issued: Vec<(Order, Issued)>,
    /// What was told of failures: another attempt that fails by the same is told to nobody.
    told: Told,
}

/// By which problems names failed, and the authority.
#[derive(Default, PartialEq)]
struct Told {
    names: BTreeMap<DomainName, Discriminant<Problem>>,
    authority: Option<Discriminant<Problem>>,
}

impl Told {
    fn of(memory: &Memory) -> Self {
        let kind = |failure: &Failure| discriminant(&failure.problem);
        let names = memory.failures.iter();
        Self {
            names: names
                .map(|(name, failure)| (name.clone(), kind(failure)))
                .collect(),
            authority: memory.authority.as_ref().map(kind),
        }
    }
}

impl<'a, O: Outside> Keeper<'a, O> {
    /// Returns one that remembers this.
    pub fn new(outside: &'a O, memory: Memory) -> Self {
        Self {
            outside,
            told: Told::of(&memory),
            memory,
            kept: None,
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
        let (Some(terms), Some(wanted)) = (self.outside.terms(), self.outside.wanted()) else {
            return now.after(UNKNOWN);
        };
        self.memory.asks(&terms.directory);
        self.install_again().await;
        let certificates = self.certificates(&wanted).await;
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
            settings: terms.settings,
            now,
        });
        let pending: BTreeSet<&DomainName> = self.issued.iter().flat_map(|(order, _)| &order.names).collect();
        let mut orders = due.orders;
        orders.retain(|order| !order.names.iter().any(|name| pending.contains(name)));
        let are_any = !orders.is_empty();
        let (ready, away) = self.those_that_lead_here(orders, terms.settings).await;
        for (name, problem) in away {
            let (now, draw) = (self.outside.now(), self.outside.draw());
            self.memory.name_failed(&name, problem, String::new(), now, draw);
        }
        self.order_all(ready, terms.settings, &certificates).await;
        self.remember();
        let now = self.outside.now();
        if are_any {
            return now;
        }
        let next_question = self.memory.next_question();
        let again = (!self.issued.is_empty()).then(|| now.after(UNKNOWN));
        let others = next_question.into_iter().chain(again);
        others.fold(due.next_look, UtcTime::min)
    }

    /// The certificates that there are, without those of which nobody has any use.
    async fn certificates(&self, wanted: &BTreeMap<DomainName, AppName>) -> Vec<Certificate> {
        let mut kept = Vec::new();
        for held in self.outside.held().await {
            let has_ended = held.validity.not_after < self.outside.now();
            match &held.id {
                Some(id) if has_ended && !order::is_for_any(&held.names, wanted.keys()) => {
                    self.outside.discard(id).await;
                }
                _ => kept.push(held),
            }
        }
        kept
    }

    /// Keeps what is remembered, and tells what is new of failures.
    fn remember(&mut self) {
        if self.kept.as_ref() != Some(&self.memory) {
            self.outside.remember(&self.memory);
            self.kept = Some(self.memory.clone());
        }
        let now = Told::of(&self.memory);
        for (name, failure) in &self.memory.failures {
            if self.told.names.get(name) != now.names.get(name) {
                self.outside.failed(std::slice::from_ref(name), failure);
            }
        }
        if let Some(failure) = &self.memory.authority
            && self.told.authority != now.authority
        {
            self.outside.failed(&[], failure);
        }
        self.told = now;
    }

    fn held(&mut self, certificate: &Certificate, now: UtcTime) -> Held {
        let source = match &certificate.id {
            None => Source::Own,
            Some(id) => {
                let ordered = self.memory.of(id, now, self.outside.draw());
                Source::Ordered {
                    id: id.clone(),
                    window: ordered.window_of(certificate.validity),
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
    async fn those_that_lead_here(
        &self,
        orders: Vec<Order>,
        settings: Settings,
    ) -> (Vec<Order>, BTreeMap<DomainName, Problem>) {
        let names = orders.iter().flat_map(|order| &order.names);
        let names = names.filter(|name| !settings.is_by_dns(name));
        let names: BTreeSet<DomainName> = names.cloned().collect();
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

    async fn order_all(&mut self, orders: Vec<Order>, settings: Settings, certificates: &[Certificate]) {
        for _ in &orders {
            self.memory.begins(self.outside.now());
        }
        // Who is killed now knows that these were begun.
        if !orders.is_empty() {
            self.remember();
        }
        let failures = self.memory.failures.clone();
        let outside = self.outside;
        let under_way = stream::iter(orders).map(|order| {
            let names: Vec<(DomainName, Proof)> = order
                .names
                .iter()
                .map(|name| (name.clone(), proof::next(name, settings, failures.get(name))))
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
                Ok(issued) => self.install(order, issued).await,
                Err(error) => {
                    tracing::info!(names = %shown(&order), "no certificate: {}", causes(&error));
                    let trouble = Trouble {
                        problem: error.problem,
                        said: error.said,
                        names: error.names,
                    };
                    let now = self.outside.now();
                    self.memory.failed(&order, trouble, now, || self.outside.draw());
                }
            }
            self.remember();
        }
    }

    async fn install(&mut self, order: Order, issued: Issued) {
        match self.outside.install(&order.id, &issued).await {
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
    async fn install_again(&mut self) {
        for (order, issued) in std::mem::take(&mut self.issued) {
            self.install(order, issued).await;
        }
    }
}

fn shown(order: &Order) -> String {
    let names: Vec<String> = order.names.iter().map(ToString::to_string).collect();
    names.join(" ")
}
