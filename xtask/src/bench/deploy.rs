//! The same tiny change, deployed in turns by gokku and by a script that does the same steps by hand: git, the
//! docker program, no traffic switch. Both get the same Dockerfile and the same static app.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gokku_tests::{App, Connection, Server, WorkingCopy, test_app_program};

use super::numbers::{median, verdict};

const AIM: f64 = 0.75;
const DOCKERFILE: &str =
    "FROM scratch\nCOPY app /app\nCOPY release /version\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n";

/// One deploy, in milliseconds since the push was started.
struct Took {
    /// Until the new version answers.
    live: f64,
    /// Until the push returns.
    done: f64,
}

pub(super) fn run(rounds: usize) -> Result<(), String> {
    let server = Server::new();
    let app = server.create("bench");
    app.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = app.working_copy();
    dev.write("Dockerfile", DOCKERFILE);
    let program = fs::read(test_app_program()).map_err(|error| error.to_string())?;
    dev.write("app", &program);
    executable(&dev.folder().join("app"))?;
    dev.write("release", "start\n");
    dev.commit("start");
    dev.push().ok();

    let source = tempfile::tempdir().map_err(|error| error.to_string())?;
    let at = |name: &str| source.path().join(name);
    fs::write(at("Dockerfile"), DOCKERFILE)
        .and_then(|()| fs::write(at("app"), &program))
        .map_err(|error| error.to_string())?;
    executable(&at("app"))?;
    let mut floor = Floor::start(source.path(), rounds)?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut steps: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    println!("round   gokku live  done    floor live  done   (ms since the push was started)");
    for round in 1..=rounds {
        let gokku = deploy(&app, &dev, &format!("g{round}"));
        for (step, ms) in step_times(&app)? {
            steps.entry(step).or_default().push(ms);
        }
        let script = floor.round()?;
        println!(
            "{round:5}   {:10.0} {:5.0}    {:10.0} {:5.0}",
            gokku.live, gokku.done, script.live, script.done
        );
        ours.push(gokku);
        theirs.push(script);
    }
    println!("\nmedians of gokku's steps, ms");
    for (step, times) in steps {
        println!("  {step:10} {:6.0}", median(&times));
    }
    println!();
    report(
        "push started -> the new version answers",
        &ours,
        &theirs,
        |took| took.live,
    );
    report("push returns", &ours, &theirs, |took| took.done);
    Ok(())
}

fn report(what: &str, ours: &[Took], theirs: &[Took], figure: fn(&Took) -> f64) {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| figure(ours) / figure(theirs))
        .collect();
    let all = |took: &[Took]| median(&took.iter().map(figure).collect::<Vec<_>>());
    let ratio = median(&ratios);
    println!(
        "{what}: gokku {:.0} ms, floor {:.0} ms; median of the ratios {ratio:.2}, aim {AIM}: {}",
        all(ours),
        all(theirs),
        verdict(ratio, AIM)
    );
}

pub(super) fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())
}

/// Pushes a change, while a client asks the traffic switch which version it is.
fn deploy(app: &App<'_>, dev: &WorkingCopy<'_>, version: &str) -> Took {
    dev.write("release", format!("{version}\n"));
    dev.commit(version);
    let stopping = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (address, version, stopping) = (app.address(), version.to_owned(), Arc::clone(&stopping));
        thread::spawn(move || {
            let mut connection = Connection::open(address, Duration::from_secs(30)).ok()?;
            while !stopping.load(Ordering::Relaxed) {
                let answer = connection.request("GET", "/version", &[], b"").ok()?;
                if answer.text() == version {
                    return Some(answer.head_at);
                }
                // Often enough to see the moment, seldom enough not to be what is measured.
                thread::sleep(Duration::from_millis(4));
            }
            None
        })
    };
    let began = Instant::now();
    dev.push().ok();
    let done = began.elapsed();
    gokku_tests::wait_until("the new version's first answer", Duration::from_secs(30), || {
        watcher.is_finished().then_some(())
    });
    stopping.store(true, Ordering::Relaxed);
    let seen = watcher.join().ok().flatten();
    let live = seen.map_or(f64::NAN, |seen| seen.duration_since(began).as_secs_f64());
    Took {
        live: live * 1000.0,
        done: done.as_secs_f64() * 1000.0,
    }
}

/// How long each step of the app's last deploy took, by its log.
pub(super) fn step_times(app: &App<'_>) -> Result<Vec<(String, f64)>, String> {
    let folder = app.path("deploys");
    let logs = fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let last = logs.filter_map(|entry| Some(entry.ok()?.path())).max();
    let text = fs::read_to_string(last.ok_or("no deploy has a log")?).map_err(|error| error.to_string())?;
    let mut times = Vec::new();
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if let Some(finished) = event.pointer("/event/step-finished") {
            let step = finished["step"].as_str().unwrap_or_default().to_owned();
            times.push((step, finished["ms"].as_f64().unwrap_or_default()));
        }
        if let Some(finished) = event.pointer("/event/finished") {
            times.push(("in all".to_owned(), finished["ms"].as_f64().unwrap_or_default()));
        }
    }
    Ok(times)
}

/// The script, waiting for its turns.
struct Floor {
    child: Child,
    turns: Option<ChildStdin>,
    rows: BufReader<ChildStdout>,
}

impl Floor {
    fn start(source: &Path, rounds: usize) -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/floor.sh");
        let mut child = Command::new("bash")
            .arg(script)
            .args(["-b", "-n", &rounds.to_string(), "-s"])
            .arg(source)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("bash: {error}"))?;
        let (turns, rows) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        let mut floor = Self {
            child,
            turns: Some(turns),
            rows: BufReader::new(rows),
        };
        // The names of the columns; and a round that does not count, because there is no old container yet.
        floor.row()?;
        floor.turn()?;
        Ok(floor)
    }

    fn turn(&mut self) -> Result<(), String> {
        let turns = self.turns.as_mut().ok_or("the script was told to end")?;
        writeln!(turns).map_err(|error| error.to_string())
    }

    fn row(&mut self) -> Result<String, String> {
        let mut row = String::new();
        match self.rows.read_line(&mut row) {
            Ok(read) if read > 0 => Ok(row),
            _ => Err("the script has ended early; its words are above".to_owned()),
        }
    }

    fn round(&mut self) -> Result<Took, String> {
        self.turn()?;
        let row = self.row()?;
        let figures: Vec<f64> = row
            .trim()
            .split(',')
            .filter_map(|figure| figure.parse().ok())
            .collect();
        match figures[..] {
            [_, live, done, ..] => Ok(Took { live, done }),
            _ => Err(format!("the script's row is {row:?}")),
        }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // No more turns: it ends, and cleans up.
        self.turns.take();
        let _ = self.child.wait();
    }
}
