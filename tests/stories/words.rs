//! The words people read: of pushes, commands and errors, kept as snapshots. What changes from run to run is left out.

use gokku_tests::{App, Server};

/// Replaces names, ids and times by what they are, and leaves out what the builder says.
fn plain(app: &App<'_>, text: &str) -> String {
    let text = text
        .replace(app.path("../..").to_str().unwrap(), "<root>")
        .replace(app.name(), "api")
        .replace(&format!(":{}", app.port()), ":<port>")
        .replace(&format!(" {} ", app.port()), " <port> ");
    let mut building = false;
    let told = text.lines().filter(|line| {
        if line.starts_with("-----> ") {
            building = line.contains("Building");
            return true;
        }
        !building
    });
    let lines = told.map(|line| {
        let words: Vec<String> = line.split(' ').map(word).collect();
        words.join(" ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A word, or what it is.
fn word(word: &str) -> String {
    let core = word.trim_matches(|c| matches!(c, ',' | ':' | '(' | ')' | '.' | ';'));
    let hex = |length: usize| core.len() == length && core.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = core.bytes().filter(u8::is_ascii_digit).count();
    let what = if core.len() == 15 && digits == 14 && core.as_bytes()[8] == b'-' {
        "<id>"
    } else if let Some(tag) = core.strip_prefix("api:release-") {
        return word.replace(tag, "<id>");
    } else if hex(7) {
        "<commit>"
    } else if hex(12) {
        "<container>"
    } else if core.parse::<std::net::SocketAddr>().is_ok() {
        "<address>"
    } else if digits > 0
        && core.split_once('.').is_some_and(|(whole, part)| {
            part.len() == 2
                && (whole.to_owned() + part)
                    .bytes()
                    .all(|byte| byte.is_ascii_digit())
        })
    {
        "<s>"
    } else if core
        .strip_suffix('s')
        .is_some_and(|seconds| seconds.parse::<u32>().is_ok())
    {
        "<span>"
    } else {
        return word.to_owned();
    };
    word.replace(core, what)
}

/// P14, P21: a good push, a bad one, and what is known afterwards.
#[test]
fn p14_what_a_pusher_reads() {
    let mut server = Server::new();
    server.set_env("USER", "dev");
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=1"])
        .ok();
    dev.release("v1").ok();
    let good = dev.release("v2").ok();
    insta::assert_snapshot!(plain(&api, &good.remote_lines().join("\n")));
    let bad = dev.release_with("v3", &["fail-health"]).rejected();
    insta::assert_snapshot!(plain(&api, &bad.remote_lines().join("\n")));
    insta::assert_snapshot!(plain(&api, &api.gokku(["status"]).ok().stdout));
    insta::assert_snapshot!(plain(&api, &api.gokku(["releases"]).ok().stdout));
    insta::assert_snapshot!(plain(&api, &api.gokku(["rollback"]).ok().stderr));
}

/// Errors: what was tried, what went wrong, what to do next.
#[test]
fn what_an_error_says() {
    let server = Server::new();
    let api = server.create("api");
    let said = |words: &[&str]| {
        let output = server.gokku(words);
        let code = output.code.map_or("a signal".to_owned(), |code| code.to_string());
        plain(
            &api,
            &format!("$ gokku {}\n{}exit code {code}\n", words.join(" "), output.stderr),
        )
    };
    let name = api.name();
    let all: Vec<String> = [
        &["status", "-a", "nowhere"][..],
        &["apps", "create", "Not A Name"],
        &["apps", "create", "api-blue"],
        &["apps", "create", name],
        &["apps", "destroy", name],
        &["logs"],
        &["logs", "-a", name],
        &["logs", "-a", name, "--since", "yesterday"],
        &["rollback", "-a", name],
        &["rollback", "-a", name, "../../etc"],
        &["restart", "-a", name],
        &["deploy", "-a", name],
        &["deploy", "--abort", "-a", name],
        &["run", "-a", name, "ls"],
        &["exec", "-a", name, "ls"],
        &["config", "get", "NOPE", "-a", name],
        &["config", "set", "novalue", "-a", name],
        &["config", "set", "PORT=0", "ZERO_DOWNTIME=maybe", "-a", name],
        &["config", "unset", "NOPE", "-a", name],
        &["proxy", "status"],
        &["deplyo"],
    ]
    .iter()
    .map(|words| said(words))
    .collect();
    insta::assert_snapshot!(all.join("\n"));
}
