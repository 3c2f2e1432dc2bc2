//! The words of those events that are told in more than a line, or with what to do about it. Which event is shown where, and how,
//! is `render`'s.

use std::time::Duration;

use gokku_core::AppName;
use gokku_core::config::process_one::KilledBecause;
use gokku_core::domains::domain::Domain;
use gokku_core::logs::event::{CommandEnd, Held, Since};
use gokku_core::logs::notice::Notice;

/// Returns what the author of a release may want to know.
pub(crate) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Misnamed(file) => file.to_string(),
        Notice::FilterNotRun { filter, first, more } => {
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "{}{more}: .gitattributes names the filter {}, which is not run here; built is what is committed",
                first.escape_debug(),
                filter.escape_debug()
            )
        }
        Notice::CodeRepaired(loss) => format!("{loss}; it was taken out of the repository again"),
        Notice::UnreachableNamed { app, other, key } => format!(
            "{key} names a container of {other}, and apps reach each other only when both say so: \
             `network: {{apps: [{other}]}}` below {app} in its gokku.yml, and `network: {{apps: [{app}]}}` below {other} in its own"
        ),
        Notice::NotReachedBack { app, other } => format!(
            "{other} and {app} do not reach each other: what runs of {other} does not say `network: {{apps: [{app}]}}` in its gokku.yml"
        ),
        Notice::ReachedLater { app, other } => format!(
            "{other} and {app} reach each other as soon as the containers of {other} are made anew: by its next deploy or `gokku restart -a {other}`"
        ),
    }
}

/// Returns what is told of a volume that stays when its app is destroyed; `path` is where an image declared it.
pub(crate) fn volume_stays(volume: &str, path: Option<&str>, app: &str) -> String {
    let removes = format!("`docker volume rm {volume}` removes it");
    match path {
        None => format!("The volume {volume} stays: a new app {app} finds it again, and {removes}"),
        Some(path) => format!(
            "The volume {volume}, which {app} had at {path}, stays: no new app finds it by itself, and {removes}"
        ),
    }
}

/// Returns what is told of a domain that another app has got meanwhile; which one, where that may be told.
pub(crate) fn domain_lost(domain: &Domain, by: Option<&AppName>) -> String {
    let whose = by.map_or("another app's".to_owned(), |app| {
        format!("the domain of the app {app}")
    });
    format!(
        "{domain} is {whose} already: remove it there first (gokku domains remove). It does not lead to this app any more"
    )
}

/// Returns what is told of a volume that an image declares: much of it the first time.
pub(crate) fn carried(path: &str, volume: &str, since: Since, shared: bool) -> String {
    let what = match since {
        Since::Earlier => {
            return format!("{path} is kept, in the volume {volume}; what this image has there is hidden");
        }
        Since::Now => format!("the volume {volume}, made now"),
        Since::Before => format!("the volume {volume}, which the running release has there"),
    };
    let meanwhile = if shared {
        "; with ZERO_DOWNTIME=true, the old release and the new one share it for a moment"
    } else {
        ""
    };
    format!(
        "The image declares a volume at {path}: from now on it is kept from release to release, in {what}.\n\
         What a newer image has in {path} is hidden by it{meanwhile}. Something else can be mounted there with volumes: in \
         gokku.yml, and with \"{path}:anonymous\" nothing is kept"
    )
}

/// Returns what is told of a volume that nothing has any more.
pub(crate) fn left_behind(container: &str, path: &str, volume: &str) -> String {
    format!(
        "{container} had a volume of its own at {path}, {volume}. It stays, with what is in it, and no container has it now: \
         `docker run --rm -it -v {volume}:/old IMAGE` looks into it, `docker volume rm {volume}` removes it"
    )
}

/// Returns who has the app that is waited for.
pub(crate) fn holder(held: &Held) -> String {
    let Held {
        what,
        id,
        by,
        since,
        process,
    } = held;
    format!("{what} {id} by {by} since {since} (process {process})")
}

/// Returns how a command of `post_deploy` failed, and what to do.
pub(crate) fn post_deploy_failed(command: &str, end: &CommandEnd, app: &str) -> String {
    let failed = match end {
        CommandEnd::Exited { code } => format!("ended with exit code {code}"),
        CommandEnd::TimedOut { limit } => format!("failed: it was ended after {} s", limit.as_secs()),
        CommandEnd::NotRun { error } => format!("failed: {error}"),
    };
    format!(
        "post_deploy: {command:?} {failed}; the release has the traffic all the same, `gokku exec -a {app} -- …` runs it again"
    )
}

/// Returns how a container that was stopped came to its end, and what to do.
pub(crate) fn killed(container: &str, grace: Duration, because: KilledBecause) -> String {
    let grace = grace.as_secs();
    let in_time = format!("{container} did not end within STOP_TIMEOUT ({grace} s) and was killed (SIGKILL)");
    match because {
        KilledBecause::ShellKeptSignal => format!(
            "{in_time}\nProbably: its program stands behind a shell, which does not pass SIGTERM on: write `exec` before the program"
        ),
        KilledBecause::FirstProcess => format!(
            "{in_time}\nProbably: its program is the container's first process and does not handle SIGTERM: let it handle that, or run with the engine's init (`init` in gokku.yml)"
        ),
        KilledBecause::Ignored => format!(
            "{in_time}\nProbably: its program ignores SIGTERM, or needs longer to end: let it end on SIGTERM, or set a longer STOP_TIMEOUT"
        ),
        KilledBecause::ShellEnded => format!(
            "{container}: SIGTERM ended the shell that its program stands behind, and the program was killed with it\nIt had not heard of it: write `exec` before the program"
        ),
        KilledBecause::NoTime => format!("{container} was killed (SIGKILL): STOP_TIMEOUT is 0"),
    }
}

#[cfg(test)]
mod tests {
    use gokku_core::ReleaseId;
    use gokku_core::config::misnamed::{Origin, misnamed};
    use gokku_core::release::code_loss::CodeLoss;

    use super::*;

    #[test]
    fn a_volume_that_an_image_declares_is_told_with_what_it_brings_the_first_time() {
        let told = |since, shared| carried("/data", "api__data", since, shared);
        let hidden = "What a newer image has in /data is hidden by it";
        let share = "with ZERO_DOWNTIME=true, the old release and the new one share it for a moment";
        for since in [Since::Now, Since::Before] {
            let (alone, shared) = (told(since, false), told(since, true));
            for (words, is_shared) in [(alone, false), (shared, true)] {
                assert!(
                    words.contains(hidden) && words.contains("volumes: in gokku.yml"),
                    "{words}"
                );
                assert_eq!(words.contains(share), is_shared, "{words}");
            }
        }
        assert_eq!(
            told(Since::Earlier, true),
            "/data is kept, in the volume api__data; what this image has there is hidden"
        );
    }

    #[test]
    fn whoever_was_killed_is_named_with_what_to_do() {
        for (because, told) in [
            (KilledBecause::ShellKeptSignal, "write `exec` before the program"),
            (KilledBecause::ShellEnded, "write `exec` before the program"),
            (KilledBecause::FirstProcess, "`init` in gokku.yml"),
            (KilledBecause::Ignored, "set a longer STOP_TIMEOUT"),
            (KilledBecause::NoTime, "STOP_TIMEOUT is 0"),
        ] {
            let words = killed("api-blue", Duration::from_secs(10), because);
            assert!(
                words.starts_with("api-blue") && words.contains(told),
                "{because:?}: {words}"
            );
        }
    }

    #[test]
    fn what_is_noticed_says_what_to_do() {
        let name = |name: &str| -> AppName { name.parse().expect("a name") };
        let (app, other) = (name("api"), name("shop"));
        let filter = |more| Notice::FilterNotRun {
            filter: "nbstrip".to_owned(),
            first: "a\u{1b}b".to_owned(),
            more,
        };
        let lost = CodeLoss {
            release: ReleaseId::at(1),
            first: "app.py".to_owned(),
            more: 1,
            tree: "/opt/gokku/apps/api/releases/19700101-000001".to_owned(),
        };
        let misnamed = misnamed("", &["procfile".to_owned()], Origin::Dockerfile);
        for (told, wanted) in [
            (
                Notice::Misnamed(misnamed[0].clone()),
                "procfile is not read: call it Procfile",
            ),
            (
                filter(0),
                "a\\u{1b}b: .gitattributes names the filter nbstrip, which is not run here; built is what is committed",
            ),
            (
                filter(2),
                "a\\u{1b}b and 2 more: .gitattributes names the filter nbstrip, which is not run here; built is what is committed",
            ),
            (
                Notice::CodeRepaired(lost),
                "the code of the release 19700101-000001 is not whole: app.py and 1 more are empty or missing in \
                 /opt/gokku/apps/api/releases/19700101-000001, as after a power cut; it was taken out of the repository again",
            ),
            (
                Notice::UnreachableNamed {
                    app: app.clone(),
                    other: other.clone(),
                    key: "SHOP_URL".to_owned(),
                },
                "SHOP_URL names a container of shop, and apps reach each other only when both say so: \
                 `network: {apps: [shop]}` below api in its gokku.yml, and `network: {apps: [api]}` below shop in its own",
            ),
            (
                Notice::NotReachedBack {
                    app: app.clone(),
                    other: other.clone(),
                },
                "shop and api do not reach each other: what runs of shop does not say `network: {apps: [api]}` in its gokku.yml",
            ),
            (
                Notice::ReachedLater { app, other },
                "shop and api reach each other as soon as the containers of shop are made anew: by its next deploy or `gokku \
                 restart -a shop`",
            ),
        ] {
            assert_eq!(notice(&told), wanted);
        }
    }

    #[test]
    fn what_another_app_got_or_a_destroyed_one_leaves_is_told_with_what_to_do() {
        let (domain, shop) = (
            Domain::whole("example.com".parse().expect("a domain")),
            "shop".parse().expect("a name"),
        );
        assert_eq!(
            domain_lost(&domain, Some(&shop)),
            "example.com is the domain of the app shop already: remove it there first (gokku domains remove). \
             It does not lead to this app any more"
        );
        assert!(domain_lost(&domain, None).starts_with("example.com is another app's already: "));
        assert_eq!(
            volume_stays("api_data", None, "api"),
            "The volume api_data stays: a new app api finds it again, and `docker volume rm api_data` removes it"
        );
        assert_eq!(
            volume_stays("api__data", Some("/data"), "api"),
            "The volume api__data, which api had at /data, stays: no new app finds it by itself, and `docker volume rm \
             api__data` removes it"
        );
    }
}
