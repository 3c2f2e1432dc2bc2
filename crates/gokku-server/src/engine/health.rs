//! Waits until a container is healthy, and finds out why one is not.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::processes::ProcessSpec;
use gokku_core::config::procfile::Command;
use gokku_core::config::tcp_port::{ProxyProtocol, TcpPort};
use gokku_core::containers::{ContainerState, Details, Error, Lines};
use gokku_core::machine::backoff::Backoff;
use gokku_core::machine::listeners::{Listener, Unheard, listeners, why_unheard};
use gokku_proxy::health::probe::{AskedName, Checked, Probe};
use tokio::time::{Instant, sleep, sleep_until};

use crate::engine::runtime::Runtime;
use crate::engine::traffic_switch::TrafficSwitch;
use crate::os::clock;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long one answer may take; a health check that takes longer is no use to anyone.
const ONE_ANSWER: Duration = Duration::from_secs(5);
/// How long it is asked how a container is, where the engine does not answer.
const UNANSWERED: Duration = Duration::from_secs(30);
/// How a container ended that is not there.
const REMOVED: &str = "it was removed by somebody else while it was being checked";
/// How many of the app's last lines are shown.
pub const LAST_LINES: usize = 50;
/// How many of a check's last lines are.
const CHECKS_LINES: usize = 5;

/// What is asked of a container.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    /// The container.
    pub container: &'a ContainerId,
    /// Where it is, with its port for HTTP; port 0 where it has none.
    pub address: SocketAddr,
    /// What it speaks there.
    pub protocol: AppProtocol,
    /// Its TCP ports.
    pub tcp: &'a [TcpPort],
    /// What is said on them first of whose a connection is.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// The path that answers 200.
    pub path: &'a str,
    /// The name by which it is asked; its address without.
    pub name: Option<&'a AskedName>,
    /// How long it may take from its start.
    pub timeout: Duration,
    /// When the container cannot have been started before.
    pub since: Instant,
}

/// One thing that a container is asked, until it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Its answer by HTTP.
    Http,
    /// Whether this TCP port accepts connections.
    Tcp(u16),
}

impl Check<'_> {
    /// Everything that is asked, in its order.
    fn questions(&self) -> Vec<Question> {
        let http = (self.address.port() != 0).then_some(Question::Http);
        let tcp = self.tcp.iter().map(|port| Question::Tcp(port.container));
        http.into_iter().chain(tcp).collect()
    }

    /// Where a question is asked.
    fn address_of(&self, question: Question) -> SocketAddr {
        match question {
            Question::Http => self.address,
            Question::Tcp(port) => SocketAddr::new(self.address.ip(), port),
        }
    }

    async fn ask(&self, switch: &dyn TrafficSwitch, question: Question, limit: Duration) -> Probe {
        let address = self.address_of(question);
        match question {
            Question::Http => {
                switch
                    .probe((address, self.protocol), self.path, self.name, limit)
                    .await
            }
            Question::Tcp(_) => switch.probe_tcp(address, self.proxy_protocol, limit).await,
        }
    }
}

/// Waits until the container answers 200 and its TCP ports accept connections, or it exits, or its time is over. The error says
/// everything known but the app's last lines.
pub async fn await_health(
    runtime: &dyn Runtime,
    switch: &dyn TrafficSwitch,
    check: &Check<'_>,
) -> Result<(), String> {
    let deadline = Instant::now() + remaining(runtime, check.container, check.timeout, check.since).await;
    let mut last = (Question::Http, Probe::TimedOut);
    let asking = async {
        for question in check.questions() {
            let mut pause = Backoff::slowly(FIRST_PAUSE, LONGEST_PAUSE);
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let limit = ONE_ANSWER.min(left.max(FIRST_PAUSE));
                last = (question, check.ask(switch, question, limit).await);
                if last.1.is_healthy() {
                    break;
                }
                let next = Instant::now() + pause.take();
                if next >= deadline {
                    return false;
                }
                sleep_until(next).await;
            }
        }
        true
    };
    let exited = runtime.wait_exit(check.container);
    tokio::select! {
        healthy = asking => {
            if healthy {
                return Ok(());
            }
        }
        code = exited => return Err(exit_words(runtime, check.container, code).await),
    }
    let (question, last) = last;
    let (seconds, why) = (check.timeout.as_secs(), last_words(&last));
    let mut words = match question {
        Question::Http => format!(
            "GET {} on port {}{} did not answer 200 within {seconds} s of its start: {why}",
            check.path,
            check.address.port(),
            check
                .name
                .map_or_else(String::new, |name| format!(", by the name {},", name.host)),
        ),
        Question::Tcp(port) => {
            format!("TCP port {port} did not accept a connection within {seconds} s of its start: {why}")
        }
    };
    if let Some(cause) = likely_cause(runtime, check, question, &last).await {
        words.push_str("\nProbably: ");
        words.push_str(&cause);
    }
    Err(words)
}

/// Waits until a container that has no traffic is good: by its own check, or else by staying up. It cannot have been started
/// before `since`.
pub async fn await_good(
    runtime: &dyn Runtime,
    container: &ContainerId,
    kind: &ProcessSpec,
    timeout: Duration,
    since: Instant,
) -> Result<(), String> {
    match &kind.check {
        Some(command) => await_check(runtime, container, command, timeout, since).await,
        None => await_staying_up(runtime, container, kind.stay_up, since).await,
    }
}

/// Waits until a command in the container ends with 0, or the container exits, or its time is over.
async fn await_check(
    runtime: &dyn Runtime,
    container: &ContainerId,
    command: &Command,
    timeout: Duration,
    since: Instant,
) -> Result<(), String> {
    let deadline = Instant::now() + remaining(runtime, container, timeout, since).await;
    let mut last = String::new();
    let trying = async {
        let mut pause = Backoff::slowly(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (mut lines, mut said) = (Lines::default(), Vec::new());
            let mut keep = |more: Vec<String>| {
                said.extend(more);
                said.drain(..said.len().saturating_sub(CHECKS_LINES));
            };
            let ended = runtime
                .run_inside(container, command.words(), left.max(FIRST_PAUSE), &mut |piece| {
                    keep(lines.push(&piece));
                })
                .await;
            keep(lines.rest());
            let cut = matches!(ended, Ok(None));
            let words = match ended {
                Ok(Some(0)) => return true,
                Ok(Some(code)) => format!("it ended with exit code {code}"),
                Ok(None) => "it did not end in time".to_owned(),
                Err(error) => error.to_string(),
            };
            // One that had no time left to say anything says less than the one before it.
            if !cut || !said.is_empty() || last.is_empty() {
                last = [vec![words], said].concat().join("\n  ");
            }
            let next = Instant::now() + pause.take();
            if next >= deadline {
                return false;
            }
            sleep_until(next).await;
        }
    };
    let exited = runtime.wait_exit(container);
    tokio::select! {
        // Looked at first: in one that has exited nothing can be tried.
        biased;
        code = exited => Err(exit_words(runtime, container, code).await),
        good = trying => if good {
            Ok(())
        } else {
            Err(format!(
                "its check {:?} did not end with 0 within {} s of its start: {last}",
                command.text(),
                timeout.as_secs()
            ))
        },
    }
}

/// Waits until a container that answers nobody has stayed up for so long since its start. The error says why it has
/// not.
async fn await_staying_up(
    runtime: &dyn Runtime,
    container: &ContainerId,
    stay_up: Duration,
    since: Instant,
) -> Result<(), String> {
    let left = remaining(runtime, container, stay_up, since).await;
    let exited = runtime.wait_exit(container);
    let stayed = tokio::select! {
        // Looked at first: one that has exited already has not stayed up.
        biased;
        code = exited => Err(exit_words(runtime, container, code).await),
        stayed = stayed_up(runtime, container, left) => stayed,
    };
    stayed.map_err(|words| format!("{words}, and had to stay up for {} s", stay_up.as_secs()))
}

/// Waits until the time is over, and looks whether the container still runs: again and again where the engine does not answer,
/// which may never tell of its end then.
async fn stayed_up(runtime: &dyn Runtime, container: &ContainerId, left: Duration) -> Result<(), String> {
    sleep_until(Instant::now() + left).await;
    let until = Instant::now() + UNANSWERED;
    let mut pause = Backoff::between(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let error = match runtime.container(container.as_str()).await {
            Ok(Some(facts)) if facts.state == ContainerState::Running => return Ok(()),
            Ok(Some(facts)) => {
                let details = facts.details.unwrap_or_default();
                return Err(exit_reason(details.exit_code, &details));
            }
            Ok(None) => return Err(REMOVED.to_owned()),
            Err(error) => error,
        };
        if Instant::now() >= until {
            return Err(unwatched(&error));
        }
        sleep(pause.take()).await;
    }
}

/// When a container was last started, in milliseconds since 1970.
async fn started(runtime: &dyn Runtime, container: &ContainerId) -> Option<i64> {
    let facts = runtime.container(container.as_str()).await.ok().flatten()?;
    clock::parse_ms(&facts.details?.started_at)
}

/// What is left of so much time since its start. The engine tells of that by the wall clock, which may have been set since.
async fn remaining(
    runtime: &dyn Runtime,
    container: &ContainerId,
    whole: Duration,
    since: Instant,
) -> Duration {
    let started = started(runtime, container).await;
    let spent = started.map_or(Duration::ZERO, |started| clock::ago(started, since.elapsed()));
    whole.saturating_sub(spent)
}

async fn exit_words(runtime: &dyn Runtime, id: &ContainerId, code: Result<i64, Error>) -> String {
    let facts = runtime.container(id.as_str()).await;
    let code = match code {
        Ok(code) => code,
        Err(_) if matches!(facts, Ok(None)) => {
            return REMOVED.to_owned();
        }
        Err(error) => return unwatched(&error),
    };
    let facts = facts.ok().flatten();
    let details = facts.and_then(|facts| facts.details).unwrap_or_default();
    exit_reason(code, &details)
}

/// That nobody knows how it exited.
fn unwatched(error: &impl fmt::Display) -> String {
    format!("it could not be watched to the end: {error}")
}

/// Returns why a container exited, in words.
pub fn exit_reason(code: i64, details: &Details) -> String {
    match code {
        _ if details.oom_killed => {
            "it was killed because it used more memory than there is: give the machine or the container more"
                .to_owned()
        }
        137 => "it was killed (exit code 137, SIGKILL)".to_owned(),
        143 => "it was stopped (exit code 143, SIGTERM)".to_owned(),
        // An init says so, and a shell: without either the container does not start at all.
        127 => "it exited with code 127: its program, or one that it ran, was not found".to_owned(),
        126 => "it exited with code 126: its program, or one that it ran, may not be executed".to_owned(),
        code => format!("it exited with code {code}"),
    }
}

fn last_words(last: &Probe) -> String {
    match last {
        Probe::Answered {
            status,
            location: Some(location),
            ..
        } => {
            format!("it answered {status}, a redirect to {location}")
        }
        Probe::Answered { status, body, .. } if body.is_empty() => format!("it answered {status}"),
        Probe::Answered { status, body, .. } => format!("it answered {status}: {body}"),
        Probe::Accepted => "it accepted one".to_owned(),
        Probe::Refused => "nothing listens on that port".to_owned(),
        Probe::TimedOut => "it did not answer in time".to_owned(),
        Probe::Broken(why) => format!("what it answered is not HTTP ({why})"),
    }
}

async fn likely_cause(
    runtime: &dyn Runtime,
    check: &Check<'_>,
    question: Question,
    last: &Probe,
) -> Option<String> {
    if *last != Probe::Refused {
        return answered_cause(last).map(str::to_owned);
    }
    let facts = runtime.container(check.container.as_str()).await.ok().flatten()?;
    let pid = facts.details?.pid;
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")));
    let all: Vec<Listener> = tables
        .into_iter()
        .flatten()
        .flat_map(|text| listeners(&text))
        .collect();
    let why = why_unheard(&all, check.address_of(question));
    Some(listening_cause(&why, question, check.address_of(question).port()))
}

/// What an answer that is not good tells of its cause.
fn answered_cause(last: &Probe) -> Option<&'static str> {
    let Probe::Answered { status, location, .. } = last else {
        return None;
    };
    match status {
        400 | 421 => Some(
            "it wants another Host: let it accept any for the health check, or the app's first domain, and its address where it has none",
        ),
        401 => Some("it wants a login: exempt the health check, or set HEALTH_CHECK_PATH"),
        // Rails and Vite answer so to a host that is not in their list.
        403 => Some(
            "it wants another Host: let it accept any for the health check, or the app's first domain, and its address where it has none; or a login: exempt the health check, or set HEALTH_CHECK_PATH",
        ),
        404 => Some("the health check is at another path: set HEALTH_CHECK_PATH"),
        _ if location.is_some() => {
            Some("it redirects, to https or a login: exempt the health check, or set HEALTH_CHECK_PATH")
        }
        _ => None,
    }
}

/// What is wrong with where an app listens.
fn listening_cause(why: &Unheard, question: Question, port: u16) -> String {
    let at = |addresses: &BTreeSet<IpAddr>| {
        let all = addresses.iter().map(|ip| SocketAddr::new(*ip, port).to_string());
        all.collect::<Vec<_>>().join(" and ")
    };
    match why {
        Unheard::Silence => {
            "it does not listen on any port yet: it needs longer (HEALTH_CHECK_TIMEOUT), or hangs".to_owned()
        }
        Unheard::OtherPorts(ports) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            let mend = match question {
                Question::Http => "let it listen on $PORT, or say so with EXPOSE or ports: in gokku.yml",
                Question::Tcp(_) => "let it listen there, or say so with ports: in gokku.yml",
            };
            format!("it listens on port {}, not on {port}: {mend}", ports.join(", "))
        }
        Unheard::Loopback(addresses) => format!(
            "it listens on {} only, where nobody outside its container reaches it: let it listen on 0.0.0.0",
            at(addresses)
        ),
        Unheard::OtherVersion(addresses) => format!(
            "it listens on {}, by IPv6 only, and requests come by IPv4: let it listen on 0.0.0.0, or on :: for both (without IPV6_V6ONLY)",
            at(addresses)
        ),
        Unheard::OtherAddresses(addresses) => format!(
            "it listens on {} only, which is not where requests come to: let it listen on 0.0.0.0",
            at(addresses)
        ),
        Unheard::Heard => {
            format!("it listens on port {port} by now: it needs longer (HEALTH_CHECK_TIMEOUT)")
        }
    }
}

/// What a health check found that is not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was not asked: it does not run.
    Down,
    /// An answer with another status than 200.
    Answered(u16),
    /// Nobody listens.
    Refused,
    /// What was found on a TCP port.
    OnTcp(u16, Box<Found>),
    /// No answer in time.
    TimedOut,
    /// No answer that could be understood, and why.
    Broken(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("does not run"),
            Self::Answered(status) => write!(f, "answers {status}"),
            Self::Refused => f.write_str("refuses connections"),
            Self::OnTcp(port, found) => write!(f, "{found} on TCP port {port}"),
            Self::TimedOut => f.write_str("does not answer"),
            Self::Broken(why) => write!(f, "does not answer ({why})"),
        }
    }
}

/// Returns what is not well; none where all is.
pub(crate) fn found(checked: &Checked) -> Option<Found> {
    let found = Some(match &checked.probe {
        Probe::Answered { status: 200, .. } | Probe::Accepted => return None,
        Probe::Answered { status, .. } => Found::Answered(*status),
        Probe::Refused => Found::Refused,
        Probe::TimedOut => Found::TimedOut,
        Probe::Broken(why) => Found::Broken(why.clone()),
    });
    match checked.tcp {
        Some(port) => found.map(|found| Found::OnTcp(port, Box::new(found))),
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_in_words() {
        let at = |addresses: &[&str]| {
            addresses
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect()
        };
        let listening = [
            (Unheard::Silence, "does not listen on any port yet"),
            (
                Unheard::OtherPorts(BTreeSet::from([22, 3000])),
                "port 22, 3000, not on 80",
            ),
            (
                Unheard::Loopback(at(&["127.0.0.1", "::1"])),
                "127.0.0.1:80 and [::1]:80 only",
            ),
            (Unheard::OtherVersion(at(&["::"])), "[::]:80, by IPv6 only"),
            (Unheard::OtherAddresses(at(&["10.0.0.9"])), "10.0.0.9:80 only"),
            (Unheard::Heard, "needs longer"),
        ];
        for (why, words) in listening {
            for question in [Question::Http, Question::Tcp(80)] {
                let told = listening_cause(&why, question, 80);
                assert!(told.contains(words), "{why:?} {told}");
                let is_told_of_port = told.contains("$PORT") && question != Question::Http;
                assert!(!is_told_of_port, "{told}");
            }
        }
        let answered = [
            (400, None, "wants another Host"),
            (401, None, "wants a login"),
            (403, None, "wants another Host"),
            (421, None, "wants another Host"),
            (404, None, "at another path"),
            (301, Some("https://example.com/"), "it redirects"),
            (500, None, ""),
        ];
        for (status, location, words) in answered {
            let answer = Probe::Answered {
                status,
                location: location.map(str::to_owned),
                body: String::new(),
            };
            assert!(
                answered_cause(&answer).unwrap_or_default().contains(words),
                "{status}"
            );
            assert_eq!(answered_cause(&answer).is_none(), words.is_empty(), "{status}");
        }
        let oom = Details {
            oom_killed: true,
            ..Details::default()
        };
        assert!(exit_reason(137, &oom).contains("memory"));
        assert_eq!(exit_reason(3, &Details::default()), "it exited with code 3");
        assert!(exit_reason(127, &Details::default()).contains("was not found"));
    }
}
