//! A real certificate authority, Let's Encrypt's `pebble`, and beside it the DNS server that it asks, `pebble-challtestsrv`: on free ports of the loopback, with a certificate made
//! for each.

#![allow(clippy::unwrap_used, reason = "a story that cannot have what it needs fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::curl::curl;
use crate::ports::free_port;
use crate::wait::PATIENCE;

/// Where the test command puts Debian's package.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/pebble/usr/bin");

/// How an authority is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct PebbleOptions {
    /// How many of a hundred nonces it refuses.
    pub refused_nonces: u32,
    /// How many seconds a certificate is valid; six days without.
    pub lifetime: Option<u32>,
    /// The identifier and key (base64url) of the one external account that it knows, if it wants one.
    pub external_account: Option<(&'static str, &'static str)>,
}

/// An authority that runs until it is dropped.
pub struct Pebble {
    folder: TempDir,
    children: Vec<Child>,
    port: u16,
    management: u16,
    dns_management: u16,
    /// Where it asks for proofs over HTTP.
    pub http: u16,
    /// Where it asks for proofs over TLS.
    pub tls: u16,
}

impl Pebble {
    pub fn start(options: PebbleOptions) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-pebble-")
            .tempdir()
            .unwrap();
        let [port, management, http, tls, dns, dns_management] = std::array::from_fn(|_| free_port());
        let mut pebble = Self {
            folder,
            children: Vec::new(),
            port,
            management,
            dns_management,
            http,
            tls,
        };
        pebble.make_certificate();
        let config = pebble.config(options);
        fs::write(pebble.at("config.json"), config).unwrap();
        let mut names = Command::new(program("pebble-challtestsrv"));
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]);
        names.args([
            "-defaultIPv6",
            "",
            "-dns01",
            &local(dns),
            "-management",
            &local(dns_management),
        ]);
        pebble.spawn(names, "names.log");
        let mut server = Command::new(program("pebble"));
        server
            .arg("-config")
            .arg(pebble.at("config.json"))
            .args(["-dnsserver", &local(dns)]);
        server.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        server.env("PEBBLE_WFE_NONCEREJECT", options.refused_nonces.to_string());
        pebble.spawn(server, "pebble.log");
        pebble.wait_for(port);
        pebble.wait_for(dns_management);
        pebble
    }

    fn spawn(&mut self, mut command: Command, log: &str) {
        let log = fs::File::create(self.at(log)).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.children.push(command.spawn().unwrap());
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, options: PebbleOptions) -> String {
        let mut settings = serde_json::json!({
            "listenAddress": local(self.port),
            "managementListenAddress": local(self.management),
            "certificate": self.at("server.pem"),
            "privateKey": self.at("server.key"),
            "httpPort": self.http,
            "tlsPort": self.tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": options.external_account.is_some(),
            "domainBlocklist": ["blocked.example"],
            "retryAfter": {"authz": 0, "order": 0},
            "certificateValidityPeriod": options.lifetime.unwrap_or(6 * 86_400),
        });
        if let Some((id, key)) = options.external_account {
            settings["externalAccountMACKeys"] = serde_json::json!({ id: key });
        }
        serde_json::json!({ "pebble": settings }).to_string()
    }

    /// An authority of its own for the server's certificate, which is also the front's.
    fn make_certificate(&self) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.at("server.pem"), certificate.pem()).unwrap();
        fs::write(self.at("server.key"), key.serialize_pem()).unwrap();
    }

    fn wait_for(&mut self, port: u16) {
        let began = Instant::now();
        let mut pause = Duration::from_millis(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = self
                .children
                .iter_mut()
                .find_map(|child| child.try_wait().unwrap());
            let log = || fs::read_to_string(self.at("pebble.log")).unwrap_or_default();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "{ended:?}\n{}",
                log()
            );
            std::thread::sleep(pause);
            pause = (pause * 3 / 2).min(Duration::from_millis(500));
        }
    }

    /// Where it is asked, without one in front of it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn root(&self) -> PathBuf {
        self.at("server.pem")
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// A file with the certificate by which those that it issues are known.
    pub fn trusted(&self) -> PathBuf {
        let path = self.at("trusted.pem");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, self.management));
        let root = curl(&self.root(), at, "localhost", "/roots/0").unwrap_or_else(|why| panic!("{why}"));
        assert!(root.starts_with("-----BEGIN CERTIFICATE-----"), "{root}");
        fs::write(&path, root).unwrap();
        path
    }

    /// A program that sets and removes records in the DNS server that the authority asks, and notes what it was asked.
    pub fn dns_hook(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let program = self.at("hook");
        let script = format!(
            "#!/bin/sh\nset -eu\necho \"$1 $2\" >>{log}\ncase $1 in\n\
             set) path=/set-txt body=\"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" ;;\n\
             remove) path=/clear-txt body=\"{{\\\"host\\\":\\\"$2.\\\"}}\" ;;\nesac\n\
             exec curl --fail --silent --show-error --max-time 20 --data \"$body\" http://{address}$path\n",
            log = self.at("hook.log").display(),
            address = local(self.dns_management),
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    /// Has the DNS server answer something else for a name, in the words of its own API.
    pub fn tell_dns(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.dns_management)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    /// Ends it, as if it were gone.
    pub fn end(&mut self) {
        for mut child in self.children.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.end();
    }
}

fn program(name: &str) -> PathBuf {
    let program = Path::new(PROGRAMS).join(name);
    assert!(
        program.exists(),
        "{} is not there: `cargo xtask pebble` gets it from Debian",
        program.display()
    );
    program
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
