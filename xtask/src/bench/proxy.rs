//! The traffic switch beside nginx and `haproxy`: what a request costs, in processor time. One worker each, in turns.
//!
//! Requests per second say more of a machine, and of what else it does, than of a program; so it is the processor time of the
//! program itself that is counted, user and system, by proc(5).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_proxy::Client;
use gokku_proxy::control::api::{PutRoute, SwitchTo, Target};
use gokku_tests::{free_port, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use super::numbers::{median, spread, verdict};
use crate::packages;

/// What is measured beside: its programs and packages.
const NEEDED: [(&str, &str); 3] = [("nginx", "nginx-light"), ("haproxy", "haproxy"), ("wrk", "wrk")];

/// How many connections the load has.
const CONNECTIONS: &str = "50";
/// How long one load lasts, in seconds.
const SECONDS: u32 = 4;
/// How long a program may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A clock tick of proc(5), in seconds.
const TICK: f64 = 0.01;

/// What is asked for: how it is called, its path, of how many requests the costs are told, and what the switch may cost in
/// nginx's costs.
const LOADS: [(&str, &str, f64, f64); 2] = [
    ("small answers, s for 100,000", "/", 100_000.0, 1.0),
    ("1 MB answers, ms each", "/large", 1000.0, 0.5),
];

/// A program that passes requests on.
struct Passing {
    name: &'static str,
    port: u16,
    /// The process that does it.
    process: u32,
}

/// A program that was started here, and ends with this.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // An nginx that is killed leaves its worker behind.
        let process = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if process.is_none_or(|process| kill_process(process, Signal::TERM).is_err()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

pub(super) fn run(rounds: usize) -> Result<(), String> {
    packages::install(&NEEDED)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let app = free_port();
    let upstream = nginx(folder.path(), "app", &serving(app, folder.path())?)?;
    listens(app)?;
    let (nginx_port, haproxy_port, switch_port) = (free_port(), free_port(), free_port());
    let nginx = nginx(folder.path(), "nginx", &nginx_passing(nginx_port, app))?;
    listens(nginx_port)?;
    let haproxy = haproxy(folder.path(), haproxy_port, app)?;
    listens(haproxy_port)?;
    let switch = switch(folder.path(), switch_port, app)?;
    let all = [
        Passing {
            name: "nginx",
            port: nginx_port,
            process: worker_of(&nginx)?,
        },
        Passing {
            name: "haproxy",
            port: haproxy_port,
            process: haproxy.0.id(),
        },
        Passing {
            name: "gokku",
            port: switch_port,
            process: switch.0.id(),
        },
    ];
    for (what, path, of, aim) in LOADS {
        let mut costs = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            for (passing, costs) in all.iter().zip(&mut costs) {
                costs.push(cost(passing, path)? * of);
            }
        }
        println!("{what}, {rounds} rounds");
        for (passing, costs) in all.iter().zip(&costs) {
            println!("  {:8} {}", passing.name, spread(costs, 2));
        }
        let of_nginx = median(&costs[2]) / median(&costs[0]);
        println!(
            "  gokku is {of_nginx:.2} of nginx  aim {aim}: {}",
            verdict(of_nginx, aim)
        );
    }
    println!("resident after that, MB");
    for passing in &all {
        println!("  {:8} {:.1}", passing.name, resident(passing.process)?);
    }
    drop(upstream);
    Ok(())
}

/// Returns the processor time of one request, in seconds.
fn cost(passing: &Passing, path: &str) -> Result<f64, String> {
    let before = processor_time(passing.process)?;
    let url = format!("http://127.0.0.1:{}{path}", passing.port);
    let load = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "-d", &format!("{SECONDS}s"), &url])
        .output()
        .map_err(|error| format!("wrk: {error}"))?;
    let said = String::from_utf8_lossy(&load.stdout);
    if !load.status.success() || said.contains("Non-2xx") || said.contains("Socket errors") {
        return Err(format!("{} did not answer everything:\n{said}", passing.name));
    }
    let requests = said
        .lines()
        .find_map(|line| line.split_once(" requests in ")?.0.trim().parse::<f64>().ok())
        .filter(|requests| *requests > 0.0)
        .ok_or_else(|| format!("wrk says:\n{said}"))?;
    Ok((processor_time(passing.process)? - before) / requests)
}

/// Returns the processor time that a process has taken, in seconds: fields 14 and 15 of its `stat`.
fn processor_time(process: u32) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let ticks = |field: usize| {
        let rest = stat.rsplit_once(") ")?.1;
        rest.split(' ').nth(field - 3)?.parse::<f64>().ok()
    };
    match (ticks(14), ticks(15)) {
        (Some(user), Some(system)) => Ok((user + system) * TICK),
        _ => Err(format!("{path} says {stat:?}")),
    }
}

/// Returns how much memory a process has, in MB.
fn resident(process: u32) -> Result<f64, String> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .split_whitespace()
                .next()?
                .parse::<f64>()
                .ok()
        })
        .map(|kilobytes| kilobytes / 1024.0)
        .ok_or_else(|| format!("{path} says nothing of VmRSS"))
}

/// Returns the one worker of an nginx.
fn worker_of(nginx: &Started) -> Result<u32, String> {
    let path = format!("/proc/{0}/task/{0}/children", nginx.0.id());
    let children = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    children
        .split_whitespace()
        .next()
        .and_then(|child| child.parse().ok())
        .ok_or_else(|| "nginx has no worker".to_owned())
}

fn listens(port: u16) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let found = std::panic::catch_unwind(|| {
        wait_until("a program that listens", START_LIMIT, || {
            TcpStream::connect(address).ok()
        });
    });
    found.map_err(|_| format!("nothing listens on port {port}"))
}

/// What all of an nginx's settings begin with.
const NGINX: &str = "worker_processes 1; daemon off; error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 100000000; keepalive_timeout 600; sendfile on;
    client_body_temp_path temporary; proxy_temp_path temporary; fastcgi_temp_path temporary; uwsgi_temp_path temporary; scgi_temp_path temporary;
";

/// The settings of an app: a small answer, and a large one.
fn serving(port: u16, folder: &Path) -> Result<String, String> {
    let large = folder.join("large");
    fs::write(&large, vec![b'x'; 1 << 20]).map_err(|error| error.to_string())?;
    Ok(format!(
        "{NGINX} server {{ listen 127.0.0.1:{port} backlog=4096;
            location = / {{ return 200 \"hello, world\\n\"; }}
            location = /large {{ root {}; }} }} }}",
        folder.display()
    ))
}

/// The settings of an nginx that passes on what a proxy is expected to tell.
fn nginx_passing(port: u16, app: u16) -> String {
    format!(
        "{NGINX} upstream app {{ server 127.0.0.1:{app}; keepalive 128; keepalive_requests 100000000; }}
        server {{ listen 127.0.0.1:{port} backlog=4096; location / {{
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host; }} }} }}"
    )
}

fn nginx(folder: &Path, name: &str, settings: &str) -> Result<Started, String> {
    let here = folder.join(format!("{name}.d"));
    fs::create_dir_all(here.join("temporary")).map_err(|error| error.to_string())?;
    let file = here.join("nginx.conf");
    let settings = format!("pid {}/pid;\n{settings}", here.display());
    fs::write(&file, settings).map_err(|error| error.to_string())?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&here).arg("-c").arg(&file);
    start(command)
}

fn haproxy(folder: &Path, port: u16, app: u16) -> Result<Started, String> {
    let file = folder.join("haproxy.cfg");
    let settings = format!(
        "global
    nbthread 1
defaults
    mode http
    option forwardfor
    option http-keep-alive
    timeout client 600s
    timeout server 600s
    timeout connect 5s
frontend in
    bind 127.0.0.1:{port}
    http-request set-header X-Forwarded-Proto http
    default_backend app
backend app
    http-reuse always
    server app 127.0.0.1:{app}
"
    );
    fs::write(&file, settings).map_err(|error| error.to_string())?;
    let mut command = Command::new("haproxy");
    command.arg("-f").arg(&file);
    start(command)
}

/// Starts the daemon with one app, which is the server at this port, and no engine.
fn switch(folder: &Path, port: u16, app: u16) -> Result<Started, String> {
    let root = folder.join("gokku");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let mut command = Command::new(gokku_tests::gokku_program());
    command
        .args(["proxy", "run"])
        .env("GOKKU_ROOT", &root)
        .env("DOCKER_HOST", format!("unix://{}/no-engine", folder.display()))
        .env("TOKIO_WORKER_THREADS", "1");
    let started = start(command)?;
    let socket: PathBuf = root.join("run/proxy.sock");
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    wait_until("the traffic switch", START_LIMIT, || {
        socket.exists().then_some(())
    });
    runtime.block_on(async {
        let client = Client::new(socket);
        let name = "bench".parse().map_err(|_| "no name of an app".to_owned())?;
        let put = client.put(&name, PutRoute::From(port)).await;
        put.map_err(|error| error.to_string())?;
        let target = Target {
            container: ContainerId::new("c0ffee".repeat(10)),
            release: "20240115-113000".parse().map_err(|_| "no release".to_owned())?,
            address: (Ipv4Addr::LOCALHOST, app).into(),
            weight: 1,
            health: None,
            protocol: AppProtocol::default(),
            compression: false,
            tcp: Vec::new(),
            proxy_protocol: None,
        };
        let to = SwitchTo {
            targets: vec![target],
            ..SwitchTo::default()
        };
        let switched = client.switch(&name, &to).await;
        switched.map(drop).map_err(|error| error.to_string())
    })?;
    Ok(started)
}

fn start(mut command: Command) -> Result<Started, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map(Started)
        .map_err(|error| format!("{command:?}: {error}"))
}
