//! `docs/configuration.md`: the settings, the keys of `gokku.yml` and those of `config.toml`.

use gokku_core::config::gokku_yml::KEYS;
use gokku_core::config::settings::SETTINGS;
use gokku_proxy::config::health_checks::CHECKS;
use gokku_proxy::config::limits::{LIMITS, Limit};

use super::markdown::{code, fill, table};

/// The keys of `config.toml`: key, default, meaning, what it may be. A test holds them against the program's own.
const SERVER_KEYS: &[[&str; 4]] = &[
    [
        "proxy.bind",
        "-",
        "The address that host ports are opened on; every address, of both families, without",
        "an IPv4 or IPv6 address",
    ],
    [
        "proxy.http",
        "80",
        "The port on which the domains of all apps are served by HTTP; it is open while an app has one",
        "a number from 1 to 65535",
    ],
    [
        "proxy.https",
        "443",
        "The same by HTTPS; it is open while one of the domains has a certificate. Not the same port as `http`",
        "a number from 1 to 65535",
    ],
    [
        "proxy.public_http",
        "-",
        "The port by which clients come to `http`, where a router, or a program that passes connections on, has another one in front of it: addresses that are told have this one",
        "a number from 1 to 65535",
    ],
    [
        "proxy.public_https",
        "-",
        "The same of `https`: clients are redirected to this one",
        "a number from 1 to 65535",
    ],
    [
        "proxy.h2c",
        "false",
        "Whether HTTP/2 is spoken without TLS, too, on every port that is not for HTTPS, by clients that begin with it (`h2c` by prior knowledge), as those of gRPC do: [Protocols](domains.md#protocols)",
        "true or false",
    ],
    [
        "proxy.first_port",
        "8000",
        "Where the search for a free host port begins, for an app that names none",
        "a number from 1 to 65535",
    ],
    [
        "proxy.forbidden_ports",
        "-",
        "Host ports that no app takes with a key of `gokku keys`, beside those below 1024, and that are not taken in the search for a free one: [Security](security.md#the-servers-ports)",
        "a list of ports and ranges, as 5432 or \"6000-6063\"",
    ],
    [
        "proxy.trusted_proxies",
        "-",
        "The proxies in front whose `X-Forwarded-For`, `-Host` and `-Proto` are passed on; everybody else's are replaced",
        "a list of addresses and networks, as 10.0.0.0/8",
    ],
    [
        "proxy.proxy_protocol",
        "false",
        "Each connection of those proxies, on TCP ports too, begins with the PROXY protocol (HAProxy's, version 1 or 2), which says whose it is; one without is not served. For load balancers that pass connections on as they are, with TLS in them",
        "true or false",
    ],
    [
        "acme.email",
        "-",
        "Where the certificate authority writes to. Who sets it agrees to its terms; without it no certificate is ordered",
        "an email address",
    ],
    [
        "acme.staging",
        "false",
        "Let's Encrypt's staging directory is asked, to try the settings: its certificates are accepted by no client, and are renewed by the real one when this is removed",
        "true or false",
    ],
    [
        "acme.directory",
        "-",
        "The directory of another certificate authority than Let's Encrypt (RFC 8555)",
        "a URL that begins with https://",
    ],
    [
        "acme.root",
        "-",
        "A file with the certificates, in PEM form, by which that authority's own server is known, when the system does not know them. Such an authority may issue for any name, also for one that is not public",
        "an absolute path",
    ],
    [
        "acme.profile",
        "-",
        "The kind of certificate, of those that the authority has: Let's Encrypt's `shortlived` is valid for six days",
        "a name",
    ],
    [
        "acme.external_account",
        "-",
        "The account of the authority's own system that gokku's is bound to: `{ id = \"…\", key = \"…\" }`, the key in base64url. Only some authorities want one",
        "a table of id and key",
    ],
    [
        "acme.dns_hook",
        "-",
        "The program that sets and removes a DNS record, for wildcards: [Certificates](certificates.md#wildcards)",
        "an absolute path",
    ],
    [
        "acme.challenge",
        "http-01",
        "How names are proved: over HTTP, and by a certificate on the port of HTTPS where that fails; or all by `dns_hook`, for servers that the authority does not reach, or by way of a CDN",
        "http-01 or dns-01",
    ],
    [
        "acme.addresses",
        "-",
        "Addresses that lead to this server although none of its interfaces has them: those of a router or of a proxy in front",
        "a list of addresses and networks, as 192.0.2.1 or 2001:db8::/32",
    ],
    [
        "volumes.folders",
        "-",
        "The folders of the server that apps may mount, each with what is below it",
        "a list of absolute paths without ..",
    ],
    [
        "volumes.adopt",
        "-",
        "The engine's volumes that an app may have by its own name for them, `api_data`, although they were not made for it",
        "a list of names",
    ],
    [
        "networks.shared",
        "-",
        "The networks that several apps may be on, of those that are made for apps",
        "a list of names",
    ],
    [
        "networks.range",
        "10.213.0.0/16",
        "The IPv4 addresses that apps' networks are made from, their own and those that they name, each a piece that nothing else on the server has",
        "a range, as 10.90.0.0/16",
    ],
    [
        "disk.reserve",
        "500m",
        "What is to stay free beside what a build takes, or else the build is refused; `0b`: nothing is checked",
        "an amount: `b`, `k`, `m`, `g`",
    ],
    [
        "disk.build_cache",
        "10g",
        "How large the engine's build cache may be after a build; what was not used for longest goes first",
        "an amount: `b`, `k`, `m`, `g`",
    ],
    [
        "env.size",
        "1m",
        "How large an app's env file may be, and what is set or imported at once",
        "an amount: `b`, `k`, `m`, `g`",
    ],
    [
        "env.variables",
        "1000",
        "How many variables an app may have",
        "a whole number",
    ],
    [
        "server.name",
        "-",
        "The name by which people reach the server: the addresses of apps without a domain are told with it. Without, that of the ssh connection: [Domains](domains.md#the-address-that-is-told)",
        "a host's name, as server.example.com",
    ],
    [
        "apps.<app>.ports",
        "-",
        "The host ports that the app may take although they are the server's own; they are kept from other apps, as `proxy.forbidden_ports` are",
        "a list of ports and ranges, as 443 or \"6000-6063\"",
    ],
    [
        "apps.<app>.capabilities",
        "-",
        "The capabilities that the app's containers may have, where its `gokku.yml` asks for them: [Security](security.md#what-a-container-may-do)",
        "a list of Linux capabilities, as NET_RAW; `CAP_` before it or not, in any case; none that every container has",
    ],
    [
        "push.max_size",
        "2g",
        "How large a push may be, as git sends it",
        "an amount: `b`, `k`, `m`, `g`; `0b` for any",
    ],
    [
        "push.max_objects",
        "2000000",
        "How many objects a push may bring: commits, folders and files, each version once",
        "a whole number; 0 for any",
    ],
    [
        "push.max_refs",
        "20000",
        "How many branches and tags a push may be of, and a repository may have",
        "a whole number; 0 for any",
    ],
    [
        "push.max_repository",
        "10g",
        "What an app's repository may take of the disk",
        "an amount: `b`, `k`, `m`, `g`; `0b` for any",
    ],
    [
        "push.max_memory",
        "2g",
        "The memory of each process that takes a push in; one that needs more ends, and the push with it",
        "an amount: `b`, `k`, `m`, `g`; `0b` for any",
    ],
    [
        "push.max_files",
        "1000000",
        "How many files and folders a commit may have that is deployed",
        "a whole number; 0 for any",
    ],
    [
        "push.max_tree",
        "4g",
        "What its files may take of the disk together",
        "an amount: `b`, `k`, `m`, `g`; `0b` for any",
    ],
    [
        "push.max_path",
        "2048",
        "How long a path in it may be, in bytes",
        "a whole number; 0 for any",
    ],
    [
        "deploy.max_log",
        "16m",
        "How large the log of a deploy may become by what its build, its migration and its commands print; of the rest the last lines are kept",
        "an amount: `b`, `k`, `m`, `g`; `0b` for any",
    ],
    [
        "logs.max_size",
        "50m",
        "How large a file of what a container prints becomes before the engine begins the next one; `0b` leaves it to the engine's own `log-opts`",
        "an amount: `b`, `k`, `m`, `g`",
    ],
    [
        "logs.max_files",
        "3",
        "How many such files the engine keeps of a container",
        "a whole number, at least 1",
    ],
];

const HEAD: [&str; 4] = ["name", "default", "meaning", "may be"];

/// The page.
pub(super) fn page() -> Result<String, String> {
    let settings = SETTINGS.map(|one| row([one.name, one.default, one.meaning, one.allowed]));
    let keys = KEYS
        .iter()
        .map(|one| row([one.path, one.default, one.meaning, one.allowed]));
    let keys: Vec<[String; 4]> = keys.collect();
    let server_keys: Vec<[String; 4]> = SERVER_KEYS.iter().copied().map(row).collect();
    let limit = |one: &Limit| row([one.name, one.default, one.meaning, one.allowed]);
    fill(
        include_str!("configuration.md"),
        &[
            ("settings", table(HEAD, &settings)),
            ("keys", table(HEAD, &keys)),
            ("server keys", table(HEAD, &server_keys)),
            ("limits", table(HEAD, &LIMITS.each_ref().map(limit))),
            ("checks", table(HEAD, &CHECKS.each_ref().map(limit))),
        ],
    )
}

fn row([name, default, meaning, allowed]: [&str; 4]) -> [String; 4] {
    [
        code(name),
        code(default),
        // `<path>` in a meaning is text, not HTML.
        meaning.replace('<', "&lt;"),
        allowed.replace('<', "&lt;"),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use gokku_server::Root;
    use gokku_server::app::acme_config::Challenge;
    use gokku_server::app::server_config;

    use super::*;

    /// A server's folder with this `config.toml`.
    fn with_config(text: &str) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        fs::write(root.config(), text).unwrap();
        (folder, root)
    }

    /// What `what` may be in a table of `config.toml`, in the words of the program's own refusal.
    fn known(text: &str) -> BTreeSet<String> {
        let (_folder, root) = with_config(text);
        let error = server_config::read(&root).unwrap_err().to_string();
        let (_, known) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
        // `a`, `b` or `c`: each second piece is a name.
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_keys_of_config_toml_are_those_the_program_knows() {
        let tables = known("nonsense = 1");
        let real: BTreeSet<String> = tables
            .iter()
            .flat_map(|table| {
                // What apps are given stands below each one's name.
                let (written, shown) = match table.as_str() {
                    "apps" => ("apps.api", "apps.<app>"),
                    table => (table, table),
                };
                let keys = known(&format!("[{written}]\nnonsense = 1")).into_iter();
                keys.map(move |key| format!("{shown}.{key}")).collect::<Vec<_>>()
            })
            .collect();
        let mut shown: BTreeSet<String> = SERVER_KEYS.iter().map(|key| key[0].to_owned()).collect();
        shown.extend(["proxy.limits", "proxy.health_check"].map(str::to_owned));
        assert_eq!(real, shown);
        let checks: BTreeSet<String> = CHECKS.iter().map(|check| check.name.to_owned()).collect();
        assert_eq!(known("[proxy.health_check]\nnonsense = 1"), checks);
        let limits: BTreeSet<String> = LIMITS.iter().map(|limit| limit.name.to_owned()).collect();
        assert_eq!(known("[proxy.limits]\nnonsense = 1"), limits);
    }

    #[test]
    fn the_defaults_of_config_toml_are_the_programs() {
        let (_folder, root) = with_config("");
        let config = server_config::read(&root).unwrap();
        let bind = config
            .proxy
            .bind
            .map_or("-".to_owned(), |address| address.to_string());
        assert!(config.proxy.trusted_proxies.is_empty() && config.proxy.forbidden_ports.is_empty());
        assert!(config.acme.email.is_none() && config.acme.addresses.is_empty());
        assert!(config.volumes.folders.is_empty() && config.volumes.adopt.is_empty());
        assert!(config.networks.shared.is_empty() && config.apps.is_empty());
        let size = |text: &str| text.parse().unwrap();
        for [key, default, ..] in SERVER_KEYS {
            match *key {
                "proxy.bind" => assert_eq!(bind, *default),
                "proxy.http" => assert_eq!(config.proxy.http.to_string(), *default),
                "proxy.https" => assert_eq!(config.proxy.https.to_string(), *default),
                "proxy.proxy_protocol" => assert_eq!(config.proxy.proxy_protocol.to_string(), *default),
                "acme.challenge" => {
                    assert_eq!(config.acme.challenge, Challenge::default());
                    assert_eq!("http-01", *default);
                }
                "acme.staging" => assert_eq!(config.acme.staging.to_string(), *default),
                "proxy.h2c" => assert_eq!(config.proxy.h2c.to_string(), *default),
                "proxy.first_port" => assert_eq!(config.proxy.first_port.to_string(), *default),
                "networks.range" => assert_eq!(config.networks.range.to_string(), *default),
                "disk.reserve" => assert_eq!(config.disk.reserve, size(default)),
                "disk.build_cache" => assert_eq!(config.disk.build_cache, size(default)),
                "env.size" => assert_eq!(config.env.size, size(default)),
                "env.variables" => assert_eq!(config.env.variables.to_string(), *default),
                "deploy.max_log" => assert_eq!(config.deploy.max_log, size(default)),
                "logs.max_size" => assert_eq!(config.logs.max_size, size(default)),
                "logs.max_files" => assert_eq!(config.logs.max_files.to_string(), *default),
                "push.max_size" => assert_eq!(config.push.max_size, size(default)),
                "push.max_objects" => assert_eq!(config.push.max_objects.to_string(), *default),
                "push.max_refs" => assert_eq!(config.push.max_refs.to_string(), *default),
                "push.max_repository" => assert_eq!(config.push.max_repository, size(default)),
                "push.max_memory" => assert_eq!(config.push.max_memory, size(default)),
                "push.max_files" => assert_eq!(config.push.max_files.to_string(), *default),
                "push.max_tree" => assert_eq!(config.push.max_tree, size(default)),
                "push.max_path" => assert_eq!(config.push.max_path.to_string(), *default),
                key => assert_eq!(*default, "-", "{key}"),
            }
        }
    }

    #[test]
    fn the_example_of_config_toml_is_understood() {
        let template = include_str!("configuration.md");
        let (_, after) = template.split_once("```toml\n").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        let (_folder, root) = with_config(example);
        let config = server_config::read(&root).unwrap();
        assert!(config.proxy.bind.is_some() && !config.proxy.trusted_proxies.is_empty());
        assert_ne!(config.proxy.limits, gokku_proxy::Limits::default());
        assert_ne!(
            config.proxy.health_check,
            gokku_proxy::config::health_checks::Checks::default()
        );
        let default = server_config::DiskConfig::default();
        assert!(config.disk.reserve != default.reserve && config.disk.build_cache != default.build_cache);
        assert!(!config.proxy.forbidden_ports.is_empty());
        let given = &config.apps[&"api".parse().unwrap()];
        assert!(!given.ports.is_empty() && !given.capabilities.is_empty());
        assert_ne!(config.push, gokku_core::push::intake::PushLimits::default());
        assert_ne!(
            config.deploy.max_log,
            server_config::DeployConfig::default().max_log
        );
        assert_ne!(
            config.logs.max_size,
            server_config::LogsConfig::default().max_size
        );
    }

    #[test]
    fn the_example_of_gokku_yml_is_understood() {
        let template = include_str!("configuration.md");
        let (_, after) = template.split_once("```yaml\n").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        let yml = gokku_core::config::gokku_yml::GokkuYml::parse("gokku.yml", example).unwrap();
        assert!(yml.app(&"api".parse().unwrap()).is_ok());
    }
}
