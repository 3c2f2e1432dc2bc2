//! What is to be ordered now, by what is wanted, what is there and what has failed.
//!
//! A certificate that works is never given up: nothing here takes one away, and what would be written over one that another
//! name still needs is written beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;
use crate::certificates::batch::{self, MOST_NAMES};
use crate::certificates::draw::Draw;
use crate::certificates::problem::Problem;
use crate::certificates::renewal::{self, SuggestedWindow, Validity};
use crate::certificates::retry::Failure;
use crate::domains::name::DomainName;
use crate::text::utc_time::UtcTime;

/// What a certificate is kept under: its first name. Where that is taken by one that is still needed, a number behind it, which
/// no domain has for its last part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CertificateId(String);

impl CertificateId {
    /// Returns the id by its text, as it was kept: of a file's name, for instance.
    pub fn kept(text: &str) -> Option<Self> {
        let (name, number) = match text.rsplit_once('.') {
            Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (name, number),
            _ => (text, "2"),
        };
        let is_name = name
            .parse::<DomainName>()
            .is_ok_and(|parsed| parsed.as_str() == name);
        let is_number = number
            .parse::<u32>()
            .is_ok_and(|value| value >= 2 && !number.starts_with('0'));
        (is_name && is_number).then(|| Self(text.to_owned()))
    }

    /// Returns the id of a certificate that is the only one of its first name.
    pub fn first(name: &DomainName) -> Self {
        Self(name.as_str().to_owned())
    }

    /// Returns it as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(name: &DomainName, taken: &BTreeSet<&Self>) -> Self {
        let first = Self::first(name);
        let others = (2..u32::MAX).map(|number| Self(format!("{}.{number}", name.as_str())));
        let mut free = std::iter::once(first.clone())
            .chain(others)
            .filter(|id| !taken.contains(id));
        free.next().unwrap_or(first)
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A certificate that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its names.
    pub names: BTreeSet<DomainName>,
    /// From when to when it is valid.
    pub validity: Validity,
    /// Whose it is.
    pub source: Source,
}

/// Where a certificate is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person added it, and renews it.
    Own,
    /// It was ordered.
    Ordered {
        /// What it is kept under.
        id: CertificateId,
        /// When its authority suggests that it is renewed, if that is known.
        window: Option<SuggestedWindow>,
        /// A number that was drawn for it.
        draw: Draw,
    },
}

/// What the server's settings say of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is said by itself, and all of them may be"
)]
pub struct Settings {
    /// Whether the authority's terms have been agreed to.
    pub agreed: bool,
    /// Whether the authority issues for public names only.
    pub public: bool,
    /// Whether there is a program that writes to the DNS.
    pub dns_hook: bool,
    /// Whether all names are proved by the DNS, and not only wildcards.
    pub dns_only: bool,
}

impl Settings {
    /// Returns whether a name is proved by the DNS: then it does not matter where it leads.
    pub fn is_by_dns(self, name: &DomainName) -> bool {
        self.dns_only || name.is_wildcard()
    }
}

/// All that is known, from which it is decided what is ordered.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The names that are wanted, each with the app that it leads to.
    pub wanted: &'a BTreeMap<DomainName, AppName>,
    /// The certificates that are there.
    pub held: &'a [Held],
    /// The names of which the last attempt failed.
    pub failures: &'a BTreeMap<DomainName, Failure>,
    /// The authority's own failure, if the last attempt failed by that ([`Problem::is_of_all`]).
    pub authority: Option<&'a Failure>,
    /// When orders were begun, those of the last hour at least.
    pub begun: &'a [UtcTime],
    /// What the settings say.
    pub settings: Settings,
    /// The time.
    pub now: UtcTime,
}

/// An order that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What the certificate will be kept under.
    pub id: CertificateId,
    /// Its names, the first one first; never none.
    pub names: Vec<DomainName>,
    /// The certificate that it renews, for the authority to know (RFC 9773 section 5).
    pub renews: Option<CertificateId>,
}

/// What is to be done, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The orders, the most urgent first.
    pub orders: Vec<Order>,
    /// Names that cannot be ordered at all, as the settings are.
    pub hindered: BTreeMap<DomainName, Problem>,
    /// When to look again at the latest, also if nothing changes until then.
    pub next_look: UtcTime,
}

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// The most orders of an hour, whatever is due: a fifth below Let's Encrypt's limit of 300 in three hours.
const MOST_IN_AN_HOUR: usize = 80;
/// How long before the end of a person's own certificate another one is ordered, unless there is one that lasts longer.
const BEFORE_THE_END: Duration = Duration::from_secs(24 * 3600);
/// How many renewals of an hour need no reason.
const FEW: usize = 4;

/// Returns what is to be ordered now.
pub fn due(known: &Known<'_>) -> Due {
    let mut due = Due {
        next_look: known.now.after(LONGEST_PAUSE),
        ..Due::default()
    };
    let working = Working::of(known);
    let names: Vec<Name<'_>> = known
        .wanted
        .keys()
        .map(|name| (name, working.best_for(name)))
        .collect();
    let mut candidates = candidates(known, &working, &names, &mut due);
    candidates.sort_by(|one, other| (one.urgency, &one.names).cmp(&(other.urgency, &other.names)));
    let (chosen, again) = pace(candidates, known);
    if let Some(again) = again {
        due.look_at(again);
    }
    due.orders = orders(chosen, known, &names);
    due.next_look = due.next_look.max(known.now.after(Duration::from_secs(1)));
    due
}

/// A name that is wanted, and which of the certificates it is served with.
type Name<'a> = (&'a DomainName, Option<usize>);

/// The orders that could be begun, most of them some time; notes in `due` what hinders names, and when the others are due.
fn candidates(known: &Known<'_>, working: &Working<'_>, names: &[Name<'_>], due: &mut Due) -> Vec<Candidate> {
    let mut needy = Vec::new();
    let mut alone = Vec::new();
    let mut served: BTreeMap<usize, Vec<&DomainName>> = BTreeMap::new();
    for (name, best) in names {
        let own = best.filter(|best| known.held[*best].source == Source::Own);
        if let Some(own) = own {
            let ends = known.held[own].validity.not_after;
            let from = ends.before(BEFORE_THE_END);
            due.look_at(if from > known.now { from } else { ends });
            let is_needless = from >= known.now || working.has_until_after(name, ends);
            if is_needless || hindrance(name, known.settings).is_some() {
                continue;
            }
        }
        if let Some(problem) = hindrance(name, known.settings) {
            due.hindered.insert((*name).clone(), problem);
            continue;
        }
        // Who has failed waits, and is ordered alone afterwards, so that it holds up nobody else.
        let failure = known.failures.get(*name);
        if let Some(failure) = failure.filter(|failure| failure.waits(known.now)) {
            due.look_at(failure.next_attempt(known.now));
            continue;
        }
        match best.filter(|_| own.is_none()) {
            Some(best) => served.entry(best).or_default().push(*name),
            None if failure.is_some() => alone.push(*name),
            None => needy.push(*name),
        }
    }
    let first_orders = batch::batches(needy.iter().map(|name| (*name, &known.wanted[*name])));
    let alone = alone.into_iter().map(|name| vec![name.clone()]);
    let first_orders = first_orders.into_iter().chain(alone).map(|names| Candidate {
        urgency: Urgency::NoCertificate,
        names,
        renews: None,
    });
    let renewals = served
        .into_iter()
        .flat_map(|(best, its)| renewals(&known.held[best], its, known, due));
    first_orders.chain(renewals).collect()
}

/// The orders that renew a certificate for those of its names that are served with it; none before its time.
fn renewals(held: &Held, its: Vec<&DomainName>, known: &Known<'_>, due: &mut Due) -> Vec<Candidate> {
    let Source::Ordered { id, window, draw } = &held.source else {
        return Vec::new();
    };
    let at = renewal::renew_at(held.validity, *window, *draw);
    if at > known.now {
        due.look_at(at);
        return Vec::new();
    }
    let urgent_from = held.validity.urgent_from();
    let urgency = if urgent_from > known.now {
        due.look_at(urgent_from);
        Urgency::Due(at)
    } else {
        Urgency::Urgent(held.validity.not_after)
    };
    // Who has failed goes on alone, though it has a certificate still.
    let (failed, well): (Vec<_>, Vec<_>) = its
        .into_iter()
        .partition(|name| known.failures.contains_key(*name));
    let groups = parts(&well).into_iter();
    let groups = groups.chain(failed.into_iter().map(|name| vec![name.clone()]));
    let candidates = groups.map(|names| Candidate {
        urgency,
        names,
        renews: Some(id.clone()),
    });
    candidates.collect()
}

/// The orders that are begun, each with what its certificate will be kept under.
fn orders(chosen: Vec<Candidate>, known: &Known<'_>, names: &[Name<'_>]) -> Vec<Order> {
    let mut replaced = BTreeSet::new();
    let mut orders: Vec<Order> = Vec::new();
    for candidate in chosen {
        let others = names.iter().filter(|(name, _)| !is_in(name, &candidate.names));
        let still_needed: BTreeSet<&CertificateId> = others
            .filter_map(|(_, best)| id_of(&known.held[(*best)?]))
            .chain(orders.iter().map(|order| &order.id))
            .collect();
        let id = CertificateId::of(&candidate.names[0], &still_needed);
        // An authority lets a certificate be replaced once.
        let renews = candidate.renews.filter(|id| replaced.insert(id.clone()));
        orders.push(Order {
            id,
            names: candidate.names,
            renews,
        });
    }
    orders
}

impl Due {
    fn look_at(&mut self, at: UtcTime) {
        self.next_look = self.next_look.min(at);
    }
}

/// An order that could be begun.
struct Candidate {
    urgency: Urgency,
    names: Vec<DomainName>,
    renews: Option<CertificateId>,
}

/// How much an order matters, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    NoCertificate,
    /// Its certificate ends soon.
    Urgent(UtcTime),
    /// It is to be renewed since then.
    Due(UtcTime),
}

/// The names of a certificate as they are ordered again: without the hosts that its wildcards have already, in parts that are
/// not too many.
fn parts(names: &[&DomainName]) -> Vec<Vec<DomainName>> {
    let wildcards: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| name.parent_of_wildcard())
        .collect();
    let is_covered = |name: &DomainName| level_of(name).is_some_and(|level| wildcards.contains(level));
    let kept = names.iter().filter(|name| !is_covered(name));
    let kept: Vec<DomainName> = kept.map(|name| (*name).clone()).collect();
    kept.chunks(MOST_NAMES).map(<[DomainName]>::to_vec).collect()
}

/// Returns whether a certificate for these names is one for any of the others.
pub fn is_for_any<'a>(
    names: &BTreeSet<DomainName>,
    mut others: impl Iterator<Item = &'a DomainName>,
) -> bool {
    others.any(|name| is_in(name, names))
}

/// Whether a certificate for these names is one for the name.
fn is_in<'a>(name: &DomainName, names: impl IntoIterator<Item = &'a DomainName>) -> bool {
    let level = level_of(name);
    let is_its = |other: &DomainName| other == name || level.is_some() && other.parent_of_wildcard() == level;
    names.into_iter().any(is_its)
}

/// What a host is one level below; a wildcard for all of these has it among its own.
fn level_of(name: &DomainName) -> Option<&str> {
    let (_, level) = name.as_str().split_once('.')?;
    (!name.is_wildcard()).then_some(level)
}

/// Of those that could be ordered, those that are now, and when to look for the others.
fn pace(candidates: Vec<Candidate>, known: &Known<'_>) -> (Vec<Candidate>, Option<UtcTime>) {
    let now = known.now;
    if candidates.is_empty() {
        return (candidates, None);
    }
    let mut most = MOST_IN_AN_HOUR;
    if let Some(failure) = known.authority {
        if failure.waits(now) {
            return (Vec::new(), Some(failure.next_attempt(now)));
        }
        // One asks whether it is back. When it is, its order's end is a reason to look again.
        most = 1;
    }
    let mut last_hour: Vec<UtcTime> = known
        .begun
        .iter()
        .copied()
        .filter(|begun| *begun <= now && now.since(*begun) < HOUR)
        .collect();
    last_hour.sort();
    let all_left = MOST_IN_AN_HOUR.saturating_sub(last_hour.len()).min(most);
    let due_left = renewals_of_an_hour(known).saturating_sub(last_hour.len());
    let mut chosen = Vec::new();
    let mut are_held_back = false;
    for candidate in candidates {
        let is_due_only = matches!(candidate.urgency, Urgency::Due(_));
        if chosen.len() < all_left && (!is_due_only || chosen.len() < due_left) {
            chosen.push(candidate);
        } else {
            are_held_back = true;
        }
    }
    let oldest = last_hour.first().map_or(now, |oldest| *oldest);
    (chosen, are_held_back.then(|| oldest.after(HOUR)))
}

/// How many renewals are begun in an hour that are only due: three times as many as there are on average. So certificates that
/// were issued together part soon.
fn renewals_of_an_hour(known: &Known<'_>) -> usize {
    let per_hour = known.held.iter().map(|held| {
        let between = held.validity.lifetime().as_secs().max(1) * 2 / 3;
        HOUR.as_secs() * 3000 / between.max(1)
    });
    let thousandths: u64 = per_hour.sum();
    FEW.max(usize::try_from(thousandths.div_ceil(1000)).unwrap_or(usize::MAX))
}

fn id_of(held: &Held) -> Option<&CertificateId> {
    match &held.source {
        Source::Own => None,
        Source::Ordered { id, .. } => Some(id),
    }
}

/// The certificates that work, by their names.
struct Working<'a> {
    held: &'a [Held],
    names: BTreeMap<&'a str, Vec<usize>>,
    levels: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Working<'a> {
    fn of(known: &Known<'a>) -> Self {
        let mut names: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut levels: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, held) in known.held.iter().enumerate() {
            if held.validity.works(known.now) {
                for name in &held.names {
                    names.entry(name.as_str()).or_default().push(at);
                    if let Some(level) = name.parent_of_wildcard() {
                        levels.entry(level).or_default().push(at);
                    }
                }
            }
        }
        Self {
            held: known.held,
            names,
            levels,
        }
    }

    /// Those that are for a name, and whether each names it, or all hosts of its level.
    fn all_for(&self, name: &DomainName) -> impl Iterator<Item = (bool, usize)> {
        let exact = self.names.get(name.as_str()).into_iter().flatten();
        let exact = exact.map(|at| (true, *at));
        let covered = level_of(name).and_then(|level| self.levels.get(level));
        let covered = covered.into_iter().flatten().map(|at| (false, *at));
        exact.chain(covered)
    }

    /// Whether one for a name works longer than that.
    fn has_until_after(&self, name: &DomainName, end: UtcTime) -> bool {
        self.all_for(name)
            .any(|(_, at)| self.held[at].validity.not_after > end)
    }

    /// The certificate that a name is served with: a person's own first, then one that names it, then the one that lasts
    /// longest. One for all hosts of a level is for each of them.
    fn best_for(&self, name: &DomainName) -> Option<usize> {
        let rank = |(is_exact, at): &(bool, usize)| {
            let held = &self.held[*at];
            (held.source == Source::Own, *is_exact, held.validity.not_after)
        };
        self.all_for(name).max_by_key(rank).map(|(_, at)| at)
    }
}

/// Returns what keeps a name from being ordered, before anybody is asked.
pub fn hindrance(name: &DomainName, settings: Settings) -> Option<Problem> {
    if settings.public && !is_public(name) {
        return Some(Problem::NotPublic);
    }
    if settings.is_by_dns(name) && !settings.dns_hook {
        return Some(Problem::NoDnsHook);
    }
    (!settings.agreed).then_some(Problem::TermsNotAgreed)
}

/// The last parts of names that are nobody's on the internet: RFC 6761, RFC 6762, RFC 7686, and ICANN's `.internal`.
const NOT_PUBLIC: [&str; 8] = [
    "alt",
    "example",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
    "test",
];

fn is_public(name: &DomainName) -> bool {
    let name = name.parent_of_wildcard().unwrap_or(name.as_str());
    let Some((before, last)) = name.rsplit_once('.') else {
        return false;
    };
    // Of the top-level domains that are in use, one has a part for nobody, RFC 8375.
    let is_at_home = last == "arpa" && before.rsplit('.').next() == Some("home");
    !is_at_home && !NOT_PUBLIC.contains(&last)
}

#[cfg(test)]
mod tests;
