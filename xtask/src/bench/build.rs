//! Builds: nothing to build, from the push to the line that says so; and one changed line in a project of a thousand
//! files, in turns with the same build by hand.
//!
//! By hand is twice: `docker build`, with whichever builder it has here, and, on the same cache as gokku, what no
//! program can be faster than: `tar | curl` to the engine's BuildKit. Each has a tree of its own with changes of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use gokku_tests::{Output, Server, WorkingCopy, unique};

use super::deploy::{executable, step_times};
use super::numbers::{median, spread, verdict};

const FILES: usize = 1000;
const DOCKERFILE: &str = "FROM scratch\nCOPY app /app\nCOPY src /src\nCOPY src/file-1 /version\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n";
/// Seconds from the push to "nothing to build".
const NOTHING_AIM: f64 = 0.3;
/// How many times as long as by hand.
const CHANGE_AIM: f64 = 1.1;
/// What the images made by hand are found by.
const LABEL: &str = "gokku.bench";
const ENGINE: &str = "/var/run/docker.sock";

pub(super) fn run(rounds: usize) -> Result<(), String> {
    let server = Server::new();
    let app = server.create("bench");
    app.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = app.working_copy();
    fill(dev.folder())?;
    dev.commit("start");
    dev.push().ok();
    let by_hand = tempfile::tempdir().map_err(|error| error.to_string())?;
    fill(by_hand.path())?;
    let tag = unique("bench-by-hand");
    let ways = [docker_build as fn(&Path, &str) -> Output, tar_and_curl];
    for way in ways {
        way(by_hand.path(), &tag).ok();
    }

    let (mut pushed, mut again) = (Vec::new(), Vec::new());
    let (mut ours, mut theirs) = (Vec::new(), [Vec::new(), Vec::new()]);
    println!("round   nothing: push  deploy  (s)    changed: gokku's step  docker build  tar | curl  (ms)");
    for round in 1..=rounds {
        dev.commit("the same files");
        pushed.push(until_nothing(dev.command("git").args([
            "push",
            "production",
            "main",
        ]))?);
        again.push(until_nothing(
            server.command("gokku").args(app.named(["deploy"])),
        )?);
        change(dev.folder(), &format!("gokku {round} of {tag}"))?;
        ours.push(deploy(&dev, &app)?);
        for (at, (way, times)) in ways.iter().zip(&mut theirs).enumerate() {
            change(by_hand.path(), &format!("by hand {round} {at} of {tag}"))?;
            let began = Instant::now();
            way(by_hand.path(), &tag).ok();
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        let last = |times: &[f64]| times.last().copied().unwrap_or_default();
        println!(
            "{round:5}   {:13.3}  {:6.3}         {:21.0}  {:12.0}  {:10.0}",
            last(&pushed),
            last(&again),
            last(&ours),
            last(&theirs[0]),
            last(&theirs[1])
        );
    }
    // A name that is given anew leaves the image that had it.
    let mine = format!("label={LABEL}={tag}");
    let images = Output::of(Command::new("docker").args(["images", "--quiet", "--filter", &mine])).ok();
    let images: BTreeSet<&str> = images.stdout.lines().collect();
    Output::of(Command::new("docker").args(["rmi", "--force"]).args(images)).ok();

    println!();
    for (what, times) in [("git push", &pushed), ("gokku deploy", &again)] {
        println!(
            "{FILES} unchanged files, {what} -> \"nothing to build\": median {:.3} s, aim {NOTHING_AIM}: {}",
            median(times),
            verdict(median(times), NOTHING_AIM)
        );
    }
    println!(
        "one changed line in {FILES} files, gokku's build step: {} ms",
        spread(&ours, 1)
    );
    for (what, times) in ["docker build", "tar | curl, the same cache"].iter().zip(&theirs) {
        let ratios: Vec<f64> = ours
            .iter()
            .zip(times)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        let ratio = median(&ratios);
        println!(
            "  by hand, {what}: {} ms; median of the ratios {ratio:.2}, aim {CHANGE_AIM}: {}",
            spread(times, 1),
            verdict(ratio, CHANGE_AIM)
        );
    }
    Ok(())
}

/// A project: the app, and a thousand files of source.
fn fill(folder: &Path) -> Result<(), String> {
    let line = "fn words() -> &'static str { \"a line as long as most are, of a thousand files\" }\n";
    let written = (|| {
        fs::write(folder.join("Dockerfile"), DOCKERFILE)?;
        fs::copy(gokku_tests::test_app_program(), folder.join("app"))?;
        for file in 0..FILES {
            let place = folder.join("src").join(format!("file-{file}"));
            fs::create_dir_all(folder.join("src"))?;
            fs::write(place, line.repeat(20))?;
        }
        Ok::<_, std::io::Error>(())
    })();
    written.map_err(|error| error.to_string())?;
    executable(&folder.join("app"))
}

fn change(folder: &Path, word: &str) -> Result<(), String> {
    fs::write(folder.join("src/file-1"), format!("{word}\n")).map_err(|error| error.to_string())
}

/// Seconds until a command says that there is nothing to build; it goes on to its end.
fn until_nothing(command: &mut Command) -> Result<f64, String> {
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    let mut took = None;
    let mut piece = [0; 4096];
    let mut stderr = child.stderr.take().ok_or("no pipe")?;
    while let Ok(read @ 1..) = stderr.read(&mut piece) {
        said.extend_from_slice(&piece[..read]);
        if took.is_none() && String::from_utf8_lossy(&said).contains("nothing to build") {
            took = Some(began.elapsed().as_secs_f64());
        }
    }
    let ended = child.wait().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&said);
    took.filter(|_| ended.success())
        .ok_or_else(|| format!("it built or failed:\n{said}"))
}

/// Pushes what changed, and gives what gokku's build step took, in milliseconds.
fn deploy(dev: &WorkingCopy<'_>, app: &gokku_tests::App<'_>) -> Result<f64, String> {
    dev.commit("a changed line");
    dev.push().ok();
    let build = step_times(app)?.into_iter().find(|(step, _)| step == "build");
    build
        .map(|(_, ms)| ms)
        .ok_or_else(|| "nothing was built".to_owned())
}

fn docker_build(folder: &Path, tag: &str) -> Output {
    let label = format!("{LABEL}={tag}");
    let mut docker = Command::new("docker");
    docker.args(["build", "--quiet", "--label", &label, "--tag", tag]);
    Output::of(docker.arg(folder))
}

fn tar_and_curl(folder: &Path, tag: &str) -> Output {
    let build = "tar -c --mtime=@0 --owner=0 --group=0 --sort=name -C \"$0\" . | \
                 curl --silent --fail --globoff --unix-socket \"$1\" --data-binary @- \
                 --header 'Content-Type: application/x-tar' --header 'Expect:' \
                 \"http://docker/build?version=2&t=$2&labels=%7B%22$3%22:%22$2%22%7D\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", build]).arg(folder).args([ENGINE, tag, LABEL]);
    // Whether it went well is in what it says.
    Output::of(&mut shell).says("moby.image.id")
}
