//! Which other apps an app's environment names. It goes by what stands there alone: whether there is such an app is
//! neither asked nor told.

use std::collections::BTreeMap;

use crate::app::name::AppName;
use crate::app::slot::Slot;
use crate::config::env_file::EnvFile;

/// What the names of variables end with whose whole value may be a host.
const HOSTS: [&str; 8] = [
    "HOST", "HOSTS", "HOSTNAME", "ADDR", "ADDRESS", "SERVER", "SERVERS", "URL",
];

/// The other apps whose containers an environment names as hosts, each with a variable that does.
pub fn named_in(env: &EnvFile, app: &AppName) -> BTreeMap<AppName, String> {
    let mut named = BTreeMap::new();
    for (key, value) in env.iter() {
        let said_to_be = HOSTS
            .iter()
            .any(|end| key.as_str().to_ascii_uppercase().ends_with(end));
        let parts = value.expose().split([',', ' ', '\t', '\n', ';']);
        for host in parts.filter_map(|part| host_of(part, said_to_be)) {
            if let Some(other) = app_of(host).filter(|other| other != app) {
                named.entry(other).or_insert_with(|| key.as_str().to_owned());
            }
        }
    }
    named
}

/// The host of a URL or of `HOST:PORT`; the whole where the variable says that it is one. Nothing else is one: what is
/// told must be no secret's.
fn host_of(text: &str, said_to_be: bool) -> Option<&str> {
    let (authority, is_url) = match text.split_once("://") {
        Some((_, rest)) => (rest.split(['/', '?', '#']).next()?, true),
        None => (text, false),
    };
    let place = authority.rsplit('@').next()?;
    match place.split_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => Some(host),
        None if is_url || said_to_be => Some(place),
        _ => None,
    }
}

/// The app whose container has this name.
fn app_of(host: &str) -> Option<AppName> {
    [Slot::Blue, Slot::Green].into_iter().find_map(|slot| {
        let colour = format!("-{slot}");
        if let Some(app) = host.strip_suffix(&colour) {
            return app.parse().ok();
        }
        // `<app>-blue-worker-1`: it ends in a number.
        let (front, number) = host.rsplit_once('-')?;
        let (app, process) = front.rsplit_once(&format!("{colour}-"))?;
        let counts = !process.is_empty() && number.parse::<u16>().is_ok();
        counts.then(|| app.parse().ok())?
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn named(env: &str) -> Vec<String> {
        let env = EnvFile::parse(env.as_bytes()).unwrap();
        named_in(&env, &"api".parse().unwrap())
            .into_iter()
            .map(|(app, key)| format!("{app} by {key}"))
            .collect()
    }

    #[test]
    fn what_names_another_app() {
        for (env, found) in [
            ("SHOP_URL=http://shop-blue:8080/x", &["shop by SHOP_URL"][..]),
            ("DB=postgres://me:secret@db-blue:5432/x?y=z", &["db by DB"]),
            ("DB=postgres://me:secret@db-blue", &["db by DB"]),
            ("CACHE=cache-blue:6379", &["cache by CACHE"]),
            ("REDIS_HOST=cache-blue", &["cache by REDIS_HOST"]),
            ("redis_host=cache-green", &["cache by redis_host"]),
            (
                "NODES=a-blue:1,b-blue:2;c-blue:3 http://d-blue",
                &["a by NODES", "b by NODES", "c by NODES", "d by NODES"],
            ),
            ("QUEUE=amqp://jobs-blue-rabbit-1:5672", &["jobs by QUEUE"]),
            ("X=http://shop-blue:1\nY=http://shop-blue:2", &["shop by X"]),
            // Its own, and what is none.
            ("SELF=http://api-blue:8080\nOWN=http://api-blue-redis-1:6379", &[]),
            ("PASSWORD=staple-blue", &[]),
            ("TOKEN=me:staple-blue", &[]),
            ("SKY_COLOUR=light-blue", &[]),
            ("URL=http://example.com/shop-blue", &[]),
            ("URL=http://shop-blue.example.com", &[]),
            ("URL=http://Shop-blue", &[]),
            ("URL=http://blue http://-blue http://shop", &[]),
            ("URL=http://shop-blue:port/", &[]),
        ] {
            assert_eq!(named(env), found, "{env}");
        }
    }
}
