//! P34: which app a name means, `api`, or `api-production` for an app and its environment; and which app may be made, so
//! that no name comes to mean another app than it did.
//!
//! Names and pairs are written alike: `a-b-production` may be an app, the app `a-b` with its environment, or `a` with the
//! environment `b-production`. A name comes before a pair. Whoever sees both is refused what would make a pair mean two. A
//! key that is limited cannot be refused for an app that it does not see, because that would tell that there is one: what it
//! makes stands back instead.

use crate::app::name::{AppName, EnvironmentName};

/// An app, as far as its names go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: AppName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// Whether its name means it only where it would mean no other app, and name and environment mean it only to keys that
    /// are limited to it.
    pub stands_back: bool,
}

/// Which app a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// This one.
    App(&'a AppName),
    /// It could be any of these, and is none.
    Several(Vec<&'a AppName>),
    /// None.
    Nothing,
}

/// Why an app is not made: a name would come to mean two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{clash} means the app {other} here{}: choose another name, or another environment with -e", if *.with_environment { ", with its environment" } else { "" })]
pub struct Clash {
    /// What would mean two.
    pub clash: String,
    /// The app that it means.
    pub other: AppName,
    /// Whether it means that by its environment.
    pub with_environment: bool,
}

impl Named {
    fn pair(&self) -> String {
        format!("{}-{}", self.name, self.environment)
    }
}

/// Returns the app that a name means among those that whoever asks may see. `limited` is whether these are all that
/// there is to whoever asks: a key that is limited to them.
pub fn resolve<'a>(given: &str, apps: &'a [Named], limited: bool) -> Resolved<'a> {
    let by_name = |stands_back: bool| {
        let is = |app: &&Named| app.stands_back == stands_back && app.name.as_str() == given;
        apps.iter().filter(is).map(|app| &app.name).collect()
    };
    let by_pair = |stands_back: bool| {
        let is = |app: &&Named| app.stands_back == stands_back && app.pair() == given;
        apps.iter().filter(is).map(|app| &app.name).collect()
    };
    let mut in_order: Vec<Vec<&AppName>> = vec![by_name(false), by_pair(false), by_name(true)];
    if limited {
        in_order.push(by_pair(true));
    }
    match in_order.into_iter().find(|found| !found.is_empty()) {
        None => Resolved::Nothing,
        Some(found) => match found[..] {
            [one] => Resolved::App(one),
            _ => Resolved::Several(found),
        },
    }
}

/// Returns whether an app may be made beside the others; if so, whether it stands back. `sees` says which others
/// whoever makes it may see; `limited` is whether that is a key that is limited to some.
pub fn may_be_made(
    name: &AppName,
    environment: &EnvironmentName,
    others: &[Named],
    sees: impl Fn(&AppName) -> bool,
    limited: bool,
) -> Result<bool, Clash> {
    let pair = format!("{name}-{environment}");
    // An environment's name that a key has chosen makes no name mean its app to anybody else.
    let mut stands_back = limited && *environment != EnvironmentName::default();
    for other in others {
        let theirs = other.pair();
        let same_pair = !other.stands_back && theirs == pair;
        let is_their_pair = !other.stands_back && theirs == name.as_str();
        let is_their_name = other.name.as_str() == pair;
        if !sees(&other.name) {
            stands_back |= same_pair || is_their_pair || is_their_name;
            continue;
        }
        // Whoever sees all may give an app the name of another with its environment: a name comes before a pair.
        let clash = if same_pair || (is_their_name && other.stands_back) {
            &pair
        } else if is_their_pair && limited {
            &theirs
        } else {
            continue;
        };
        return Err(Clash {
            clash: clash.clone(),
            other: other.name.clone(),
            with_environment: !is_their_name,
        });
    }
    Ok(stands_back)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x/prod`, and with a `~` before it one that stands back.
    fn named(text: &str) -> Named {
        let (stands_back, text) = text.strip_prefix('~').map_or((false, text), |rest| (true, rest));
        let (name, environment) = text.split_once('/').expect("an app and its environment");
        Named {
            name: name.parse().expect("a name"),
            environment: environment.parse().expect("a name"),
            stands_back,
        }
    }

    fn all(text: &str) -> Vec<Named> {
        text.split_whitespace().map(named).collect()
    }

    #[test]
    fn a_name_comes_before_a_pair_and_what_stands_back_after_both() {
        for (given, apps, to_all, to_limited) in [
            ("x", "x/prod", "x", "x"),
            ("x-prod", "x/prod", "x", "x"),
            ("x-prod", "x/prod x-prod/production", "x-prod", "x-prod"),
            ("x-prod", "x/staging", "-", "-"),
            ("x-prod", "", "-", "-"),
            // A key of x has chosen its environment: to others x-prod does not mean it.
            ("x-prod", "~x/prod", "-", "x"),
            ("x", "~x/prod", "x", "x"),
            ("x-prod", "~x/prod x-prod/production", "x-prod", "x-prod"),
            // A key of x-prod has made it, and could not be told that x is there.
            ("x-prod", "x/prod ~x-prod/production", "x", "x"),
            ("x-prod", "~x-prod/production", "x-prod", "x-prod"),
            ("x-prod", "~x/prod ~x-prod/production", "x-prod", "x-prod"),
            ("x-prod-production", "x/prod ~x-prod/production", "-", "x-prod"),
            // A key of a has chosen an environment with a dash in it.
            ("a-b-production", "~a/b-production a-b/production", "a-b", "a-b"),
            // From before there was a rule: nobody guesses.
            (
                "a-b-production",
                "a/b-production a-b/production",
                "a, a-b",
                "a, a-b",
            ),
        ] {
            let apps = all(apps);
            let told = |limited| match resolve(given, &apps, limited) {
                Resolved::Nothing => "-".to_owned(),
                Resolved::App(app) => app.to_string(),
                Resolved::Several(all) => all.iter().map(|app| app.as_str()).collect::<Vec<_>>().join(", "),
            };
            assert_eq!(
                (told(false).as_str(), told(true).as_str()),
                (to_all, to_limited),
                "{given}"
            );
        }
    }

    #[test]
    fn no_app_is_made_that_changes_what_a_name_means() {
        for (made, others, to_all, to_limited) in [
            ("x/prod", "", "good", "good"),
            ("x/prod", "y/prod x-y/prod xx/prod", "good", "good"),
            // A name comes before a pair, whichever was there first.
            ("x/prod", "x-prod/production", "good", "good"),
            ("x-prod/production", "x/prod", "good", "x"),
            ("a-b-production/production", "a-b/production", "good", "a-b"),
            // Two pairs that are one.
            ("a/b-production", "a-b/production", "a-b", "a-b"),
            ("a-b/production", "a/b-production", "a", "a"),
            // What a key has made is in nobody's way but by its name.
            ("x-prod/production", "~x/prod", "good", "good"),
            ("a-b/production", "~a/b-production", "good", "good"),
            ("x/prod", "~x-prod/production", "x-prod", "x-prod"),
        ] {
            let (new, others) = (named(made), all(others));
            let make =
                |sees: bool, limited| may_be_made(&new.name, &new.environment, &others, |_| sees, limited);
            let told = |limited| {
                make(true, limited).map_or_else(|clash| clash.other.to_string(), |_| "good".to_owned())
            };
            assert_eq!(
                (told(false).as_str(), told(true).as_str()),
                (to_all, to_limited),
                "{made}"
            );
            assert!(
                make(true, false).is_ok_and(|back| !back) || to_all != "good",
                "{made}"
            );
            // A key that sees nothing of them makes it all the same, and it stands back.
            let back = make(false, true).expect("nothing is told");
            let usual = new.environment.as_str() == "production";
            assert_eq!(back, !usual || to_limited != "good", "{made}");
        }
        let (new, others) = (named("a-b/c"), all("a/b"));
        let clash = may_be_made(&new.name, &new.environment, &others, |_| true, true).expect_err("a clash");
        assert_eq!(
            clash.to_string(),
            "a-b means the app a here, with its environment: choose another name, or another environment with -e"
        );
    }

    /// Whatever a limited key makes, and in whatever order: what a name means to the owner, it goes on to mean.
    #[test]
    fn what_a_key_makes_redirects_no_name_of_anybody_elses() {
        let words = ["a", "a-b", "a-b-c", "b", "b-c", "c"];
        let app = |word: &str| -> AppName { word.parse().expect("a name") };
        for owned in words {
            for of_owned in ["b", "c", "b-c", "production"] {
                for keyed in words.into_iter().filter(|keyed| *keyed != owned) {
                    for chosen in ["b", "c", "b-c", "production"] {
                        let before = vec![Named {
                            name: app(owned),
                            environment: of_owned.parse().expect("a name"),
                            stands_back: false,
                        }];
                        let environment: EnvironmentName = chosen.parse().expect("a name");
                        let stands_back = may_be_made(&app(keyed), &environment, &before, |_| false, true)
                            .expect("nothing is told");
                        let mut after = before.clone();
                        after.push(Named {
                            name: app(keyed),
                            environment,
                            stands_back,
                        });
                        after.sort_by(|one, other| one.name.cmp(&other.name));
                        for given in [owned.to_owned(), format!("{owned}-{of_owned}")] {
                            assert_eq!(
                                resolve(&given, &after, false),
                                Resolved::App(&app(owned)),
                                "{given} beside {keyed}/{chosen}"
                            );
                        }
                        // What is not the owner's comes to mean the key's app by its name alone, or by the usual environment.
                        let pair = format!("{keyed}-{chosen}");
                        if chosen != "production" && pair != owned && pair != format!("{owned}-{of_owned}") {
                            assert_eq!(resolve(&pair, &after, false), Resolved::Nothing, "{pair}");
                        }
                    }
                }
            }
        }
    }
}
