//! What becomes of the orders of certificates, as commands show it: by what the daemon remembers, and by the settings.

use gokku_core::certificates::memory::Memory;
use gokku_core::certificates::order::{Settings, hindrance};
use gokku_core::certificates::problem::Problem;
use gokku_core::certificates::retry::Failure;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;
use gokku_proxy::support::clock::now;
use gokku_proxy::tls::certificate_store::{Source, Stored};
use serde::Serialize;

use crate::app::{certificates, server_config};
use crate::certificates::memory_file;
use crate::fs::root::Root;

/// What becomes of an order for a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum OrderState {
    /// It is under way, or about to be.
    UnderWay,
    /// Nothing is ordered, as the settings are.
    Hindered {
        /// Why.
        problem: Problem,
        /// What is done about it.
        advice: String,
    },
    /// The last attempt failed.
    Failed {
        /// By what.
        problem: Problem,
        /// What the authority, or whoever failed, said of it.
        said: String,
        /// What is done about it.
        advice: String,
        /// When it failed.
        at: UtcTime,
        /// When it is tried again.
        next_attempt: UtcTime,
    },
}

/// What is known of orders.
#[derive(Debug)]
pub struct Orders {
    memory: Memory,
    settings: Settings,
}

impl Orders {
    /// Reads it. What cannot be read is told by the daemon, which begins anew.
    pub fn read(root: &Root) -> Self {
        let config = server_config::read(root).unwrap_or_default();
        Self {
            memory: memory_file::load(&certificates::orders(root)).unwrap_or_default(),
            settings: config.acme.settings(),
        }
    }

    /// Returns what becomes of an order for a name that is served with this certificate.
    pub fn state(&self, name: &DomainName, served: Option<&Stored>) -> Option<OrderState> {
        let served = served.filter(|stored| stored.certificate.is_valid_at(now()));
        if served.is_some_and(|stored| stored.source == Source::Own) {
            return None;
        }
        if let Some(problem) = hindrance(name, self.settings) {
            return Some(OrderState::Hindered {
                advice: problem.advice().to_string(),
                problem,
            });
        }
        let own = self.memory.failures.get(name).map(failed);
        // What is the authority's matters to those that wait for it.
        let authority = || self.memory.authority.as_ref().map(failed);
        own.or_else(|| {
            if served.is_some() {
                return None;
            }
            authority().or(Some(OrderState::UnderWay))
        })
    }

    /// Returns what fails: by each name, and by the authority.
    pub fn failures(&self) -> impl Iterator<Item = (Option<&DomainName>, &Failure)> {
        let names = self.memory.failures.iter();
        let names = names.map(|(name, failure)| (Some(name), failure));
        names.chain(self.memory.authority.iter().map(|failure| (None, failure)))
    }
}

fn failed(failure: &Failure) -> OrderState {
    OrderState::Failed {
        problem: failure.problem.clone(),
        said: failure.said.clone(),
        advice: failure.problem.advice().to_string(),
        at: failure.at,
        next_attempt: failure.next_attempt(now()),
    }
}
