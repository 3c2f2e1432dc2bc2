//! What is ordered, as tables; a year of renewals is beside it.

use super::*;

mod year;

const DAY: i64 = 86_400;
const NOW: UtcTime = UtcTime(1_800_000_000);

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

/// A world in which something is to be ordered, with what a test changes of it.
struct World {
    wanted: BTreeMap<DomainName, AppName>,
    held: Vec<Held>,
    failures: BTreeMap<DomainName, Failure>,
    authority: Option<Failure>,
    begun: Vec<UtcTime>,
    settings: Settings,
}

impl World {
    /// Wanted names, separated by spaces, all of one app.
    fn wants(names: &str) -> Self {
        let app: AppName = "web".parse().unwrap();
        let wanted = names.split_whitespace().map(|text| (name(text), app.clone()));
        Self {
            wanted: wanted.collect(),
            held: Vec::new(),
            failures: BTreeMap::new(),
            authority: None,
            begun: Vec::new(),
            settings: Settings {
                agreed: true,
                public: true,
                dns_hook: true,
                dns_only: false,
            },
        }
    }

    /// With a certificate of 90 days that was issued so many days ago, kept under its first name.
    fn with(mut self, names: &str, age: i64) -> Self {
        let names: Vec<DomainName> = names.split_whitespace().map(name).collect();
        let id = CertificateId::of(&names[0], &BTreeSet::new());
        let source = Source::Ordered {
            id,
            window: None,
            draw: Draw(u32::MAX / 2),
        };
        self.held.push(held(names, age, source));
        self
    }

    fn with_own(mut self, names: &str, age: i64) -> Self {
        let names = names.split_whitespace().map(name).collect();
        self.held.push(held(names, age, Source::Own));
        self
    }

    /// With a name that failed that many seconds ago.
    fn failed(mut self, text: &str, ago: i64, problem: Problem) -> Self {
        self.failures.insert(name(text), failure(ago, problem));
        self
    }

    fn due(&self) -> Due {
        due(&Known {
            wanted: &self.wanted,
            held: &self.held,
            failures: &self.failures,
            authority: self.authority.as_ref(),
            begun: &self.begun,
            settings: self.settings,
            now: NOW,
        })
    }

    /// The orders, each as `id: names < what it renews`.
    fn orders(&self) -> Vec<String> {
        let shown = |order: &Order| {
            let names: Vec<&str> = order.names.iter().map(DomainName::as_str).collect();
            let renews = order.renews.as_ref().map(|id| format!(" < {id}"));
            format!("{}: {}{}", order.id, names.join(" "), renews.unwrap_or_default())
        };
        self.due().orders.iter().map(shown).collect()
    }
}

fn held(names: Vec<DomainName>, age: i64, source: Source) -> Held {
    let not_before = UtcTime(NOW.0 - age * DAY);
    Held {
        names: names.into_iter().collect(),
        validity: Validity {
            not_before,
            not_after: UtcTime(not_before.0 + 90 * DAY),
        },
        source,
    }
}

fn failure(ago: i64, problem: Problem) -> Failure {
    Failure {
        at: UtcTime(NOW.0 - ago),
        times: 1,
        draw: Draw(0),
        problem,
        said: String::new(),
    }
}

#[test]
fn what_is_wanted_and_not_there_is_ordered() {
    let table: [(World, &[&str]); 9] = [
        (World::wants(""), &[]),
        (
            World::wants("example.com www.example.com"),
            &["example.com: example.com www.example.com"],
        ),
        // There already, also by a wildcard.
        (World::wants("example.com").with("example.com", 10), &[]),
        (
            World::wants("*.example.com a.example.com").with("*.example.com", 10),
            &[],
        ),
        // Only one of the names is new.
        (
            World::wants("example.com a.example.com").with("example.com", 10),
            &["a.example.com: a.example.com"],
        ),
        // It has ended.
        (
            World::wants("example.com").with("example.com", 91),
            &["example.com: example.com"],
        ),
        // A person's own one is enough while it works, and until its last day.
        (World::wants("example.com").with_own("example.com", 89), &[]),
        (
            World::wants("example.com").with_own("example.com", 91),
            &["example.com: example.com"],
        ),
        (
            World::wants("example.com")
                .with("example.com", 80)
                .with_own("example.com", 80),
            &[],
        ),
    ];
    for (world, expected) in table {
        assert_eq!(world.orders(), expected);
    }
}

/// So no name is without a certificate, whatever becomes of a person's own.
#[test]
fn the_end_of_a_persons_own_certificate_is_awaited() {
    let ends_in = |seconds: i64| {
        let mut world = World::wants("example.com").with_own("example.com", 0);
        world.held[0].validity.not_after = UtcTime(NOW.0 + seconds);
        world
    };
    let look = |world: &World| world.due().next_look.0 - NOW.0;
    assert_eq!(ends_in(DAY + 60).orders(), [""; 0]);
    assert_eq!(look(&ends_in(DAY + 60)), 60);
    assert_eq!(ends_in(DAY - 60).orders(), ["example.com: example.com"]);
    assert_eq!(look(&ends_in(60)), 60);
    // There is another already, as it was ordered then; or one that ends before it.
    assert_eq!(ends_in(60).with("example.com", 1).orders(), [""; 0]);
    assert_eq!(ends_in(60).with("*.com", 1).orders(), [""; 0]);
    let mut both = ends_in(DAY - 60).with("example.com", 50);
    both.held[1].validity.not_after = UtcTime(NOW.0 + 60);
    assert_eq!(both.orders(), ["example.com: example.com"]);
    // Nothing is said of what cannot be ordered while there is nothing to complain of.
    let mut without = ends_in(60);
    without.settings.agreed = false;
    assert!(without.due().hindered.is_empty());
    // Who fails waits.
    let waits = ends_in(60).failed("example.com", 60, Problem::Connection);
    assert_eq!(waits.orders(), [""; 0]);
}

#[test]
fn what_is_to_be_renewed_is_ordered_for_the_names_that_are_still_wanted() {
    let table: [(World, &[&str]); 5] = [
        (World::wants("example.com").with("example.com", 59), &[]),
        (
            World::wants("example.com").with("example.com", 61),
            &["example.com: example.com < example.com"],
        ),
        (
            World::wants("www.example.com").with("example.com www.example.com", 61),
            &["www.example.com: www.example.com < example.com"],
        ),
        (
            World::wants("other.example.org")
                .with_own("other.example.org", 10)
                .with("example.com", 61),
            &[],
        ),
        // An authority refuses a host beside the wildcard that has it.
        (
            World::wants("*.example.com a.example.com").with("*.example.com", 61),
            &["*.example.com: *.example.com < *.example.com"],
        ),
    ];
    for (world, expected) in table {
        assert_eq!(world.orders(), expected);
    }
}

#[test]
fn a_name_that_fails_holds_up_no_other_and_is_then_ordered_alone() {
    let three = || World::wants("example.com a.example.com b.example.com");
    let waits = three().failed("a.example.com", 60, Problem::Connection);
    assert_eq!(waits.orders(), ["example.com: example.com b.example.com"]);
    let again = three().failed("a.example.com", 901, Problem::Connection);
    assert_eq!(
        again.orders(),
        [
            "a.example.com: a.example.com",
            "example.com: example.com b.example.com"
        ]
    );
}

#[test]
fn a_name_that_fails_keeps_its_certificate_while_the_others_get_another() {
    let names = "example.com a.example.com";
    let world = World::wants(names).with(names, 61);
    let first = world.failed("example.com", 60, Problem::Connection);
    assert_eq!(first.orders(), ["a.example.com: a.example.com < example.com"]);
    let world = World::wants(names).with(names, 61);
    let second = world.failed("a.example.com", 60, Problem::Connection);
    assert_eq!(
        second.orders(),
        ["example.com.2: example.com < example.com"],
        "beside it, not over it"
    );
    let world = World::wants(names).with(names, 61);
    let both = world.failed("a.example.com", 901, Problem::Connection);
    assert_eq!(
        both.orders(),
        [
            "a.example.com: a.example.com < example.com",
            "example.com.2: example.com"
        ],
        "an authority lets one be replaced once"
    );
}

#[test]
fn what_the_settings_do_not_allow_is_said_and_not_ordered() {
    let names = "example.com *.example.com localhost api.example printer.local a.home.arpa local.example.com";
    let mut world = World::wants(names);
    world.settings.dns_hook = false;
    assert_eq!(world.orders(), ["example.com: example.com local.example.com"]);
    let hindered = |world: &World| -> Vec<(String, Problem)> {
        let hindered = world.due().hindered;
        hindered
            .into_iter()
            .map(|(name, why)| (name.to_string(), why))
            .collect()
    };
    let not_public = |name: &str| (name.to_owned(), Problem::NotPublic);
    assert_eq!(
        hindered(&world),
        [
            ("*.example.com".to_owned(), Problem::NoDnsHook),
            not_public("a.home.arpa"),
            not_public("api.example"),
            not_public("localhost"),
            not_public("printer.local"),
        ]
    );
    world.settings.public = false;
    assert_eq!(
        hindered(&world),
        [("*.example.com".to_owned(), Problem::NoDnsHook)]
    );
    let mut nobody_agreed = World::wants("example.com own.example.com").with_own("own.example.com", 1);
    nobody_agreed.settings.agreed = false;
    assert_eq!(nobody_agreed.orders(), Vec::<String>::new());
    assert_eq!(
        hindered(&nobody_agreed),
        [("example.com".to_owned(), Problem::TermsNotAgreed)]
    );
}

#[test]
fn an_authority_that_is_away_is_asked_by_one_order() {
    let mut world = World::wants("example.com example.org example.net");
    world.authority = Some(failure(30, Problem::AuthorityAway));
    let due = world.due();
    assert_eq!(due.orders, []);
    assert_eq!(due.next_look, UtcTime(NOW.0 + 30));
    world.authority = Some(failure(61, Problem::AuthorityAway));
    assert_eq!(world.orders().len(), 1);
    world.authority = None;
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn it_is_looked_again_when_something_is_due() {
    for (world, seconds) in [
        (World::wants(""), 6 * 3600),
        (World::wants("example.com").with("example.com", 10), 6 * 3600),
        (
            World::wants("example.com").failed("example.com", 60, Problem::Connection),
            840,
        ),
        (World::wants("example.com"), 6 * 3600),
    ] {
        assert_eq!(world.due().next_look.0 - NOW.0, seconds);
    }
}

#[test]
fn renewals_are_paced_and_what_is_urgent_is_not() {
    let names: Vec<String> = (0..100).map(|at| format!("h{at}.example.com")).collect();
    let at_age = |age| {
        let world = World::wants(&names.join(" "));
        names.iter().fold(world, |world, name| world.with(name, age))
    };
    let mut due = at_age(68);
    assert_eq!(due.orders().len(), FEW);
    due.begun = vec![UtcTime(NOW.0 - 600); 3];
    assert_eq!(due.orders().len(), FEW - 3);
    due.begun = vec![UtcTime(NOW.0 - 600); 4];
    assert_eq!(due.orders().len(), 0);
    assert_eq!(due.due().next_look, UtcTime(NOW.0 + 3000));
    // Orders of an hour that the clock has not come to yet count for nothing.
    due.begun = vec![UtcTime(NOW.0 + 600); 4];
    assert_eq!(due.orders().len(), FEW);
    let mut urgent = at_age(76);
    assert_eq!(urgent.orders().len(), MOST_IN_AN_HOUR);
    urgent.begun = vec![UtcTime(NOW.0 - 600); 70];
    assert_eq!(urgent.orders().len(), MOST_IN_AN_HOUR - 70);
}

#[test]
fn an_id_is_read_as_it_was_kept() {
    for text in [
        "example.com",
        "*.example.com",
        "example.com.2",
        "example.com.10",
        "a1",
    ] {
        assert_eq!(CertificateId::kept(text).unwrap().as_str(), text);
    }
    for text in [
        "",
        "..",
        "../x",
        "Example.com",
        "example.com.1",
        "example.com.02",
        "example.com.",
        "a/b",
        ".2",
    ] {
        assert_eq!(CertificateId::kept(text), None, "{text}");
    }
}
