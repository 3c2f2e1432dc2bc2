//! Which images a Dockerfile names, so that a build gets none of another app's.
//!
//! A Dockerfile is read as BuildKit reads it (<https://github.com/moby/buildkit>, `frontend/dockerfile`: `parser`,
//! `instructions`, `shell`, `dockerfile2llb`), from the version in Docker 20.10 on. Where versions read it in different ways,
//! it is read in all of them; where that makes a difference to the images, nobody can say what it means, and it is
//! refused with its line.
//!
//! Whether an image is there, and whose it is, the engine knows. What is kept from a build is not refused: it is
//! masked (`mask`) with a name that no image has. So the build says and does what it does where there is no such image,
//! and whether there is an app of that name is not told.
//!
//! - `lines`: instructions with their flags
//! - `words`: variables and quotes
//! - `frontend`: which program reads the Dockerfile
//! - `ownership`: what a name or an image says of its owner
//! - `mask`: names that no image has

pub mod frontend;
pub mod mask;
pub mod ownership;

mod lines;
mod pattern;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use lines::{Instruction, Reading, Source};
use words::{Dialect, Env, Value};

/// The longest Dockerfile that is read.
pub const LARGEST: usize = 1024 * 1024;

/// The stage that every other begins with: no image.
const SCRATCH: &str = "scratch";

/// What a Dockerfile is read with.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The build's arguments.
    pub args: &'a [(String, String)],
    /// The engine's processor, as Go calls it: `amd64`.
    pub arch: &'a str,
}

/// A place in a Dockerfile that names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its line, from 1.
    pub line: usize,
    /// The images that it may mean: more than one where it depends on the processor or on the builder's version.
    pub images: BTreeSet<String>,
    /// Whether it is a `FROM`, whose image brings its `ONBUILD` instructions along.
    pub from: bool,
    place: Place,
}

/// What a use is made of in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    source: Source,
    span: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Flag,
    Mount,
}

/// Why nobody can say which images a Dockerfile names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// The line; none for what `build.args` says.
    pub line: Option<usize>,
    /// Why, and what to do.
    pub what: String,
}

impl Unclear {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            what: what.into(),
        }
    }

    /// Returns it in words, for a Dockerfile of this name.
    pub fn told(&self, dockerfile: &str) -> String {
        let what = self.what.replace(char::is_control, "?");
        match self.line {
            Some(line) => format!("{dockerfile}:{line}: {what}"),
            None => what,
        }
    }
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told("Dockerfile"))
    }
}

/// Returns the images that a Dockerfile names, in its order. Its text is without a byte-order mark.
pub fn read(text: &str, given: &Given<'_>) -> Result<Vec<Use>, Unclear> {
    if text.len() > LARGEST {
        return Err(Unclear::at(
            1,
            format!(
                "it has {} bytes, and {LARGEST} are read of a Dockerfile at most",
                text.len()
            ),
        ));
    }
    let mut readings = Reading::all(text).into_iter();
    let mut first = Vec::new();
    if let Some(reading) = readings.next() {
        first = uses(&lines::read(text, reading)?.instructions, given)?;
    }
    for reading in readings {
        // One that the builder refuses names nothing.
        let Ok(read) = lines::read(text, reading) else {
            continue;
        };
        if read.is_refused() {
            continue;
        }
        let other = uses(&read.instructions, given)?;
        let differs = first
            .iter()
            .zip(&other)
            .find(|(one, other)| (one.line, &one.images) != (other.line, &other.images))
            .map(|(one, other)| one.line.min(other.line));
        let more = || {
            first
                .get(other.len())
                .or(other.get(first.len()))
                .map(|one| one.line)
        };
        if let Some(line) = differs.or_else(more) {
            return Err(Unclear::at(
                line,
                "builders of different versions read this in different ways, and not all of them see an image named here. Write it without a heredoc or an `escape` directive",
            ));
        }
    }
    Ok(first)
}

/// Returns the images that an image's `ONBUILD` instruction names.
pub fn read_trigger(trigger: &str, given: &Given<'_>) -> Result<BTreeSet<String>, Unclear> {
    let uses = read(&format!("FROM {SCRATCH}\n{trigger}"), given)?;
    Ok(uses.into_iter().flat_map(|one| one.images).collect())
}

fn uses(instructions: &[Instruction], given: &Given<'_>) -> Result<Vec<Use>, Unclear> {
    let stages: Vec<Option<String>> = instructions
        .iter()
        .filter(|one| one.name == "from" && !one.onbuild)
        .map(Instruction::stage)
        .collect();
    let target = stages.last().and_then(Option::as_deref);
    let envs = environments(instructions, target, given);
    let mut uses = Vec::new();
    let mut begun: Vec<&str> = Vec::new();
    let mut number = 0;
    let every: Vec<&str> = stages.iter().flatten().map(String::as_str).collect();
    for one in instructions {
        if one.name == "from" {
            let Some((word, span)) = one.words().into_iter().next() else {
                continue;
            };
            let mut images = BTreeSet::new();
            for env in &envs {
                match words::expand(&word, one.source.escape, env) {
                    Ok(name) => drop(images.insert(name)),
                    Err(words::Fail::Refused) => {}
                    Err(words::Fail::Unclear(why)) => return Err(Unclear::at(one.source.line, why)),
                }
            }
            images.retain(|name| !name.is_empty() && name != SCRATCH && !begun.contains(&name.as_str()));
            if !images.is_empty() {
                uses.push(Use {
                    line: one.source.line,
                    images,
                    from: true,
                    place: Place {
                        source: one.source.clone(),
                        span,
                        kind: Kind::Word,
                    },
                });
            }
            if !one.onbuild {
                begun.extend(stages.get(number).and_then(Option::as_deref));
                number += 1;
            }
        }
        for (flag, span) in &one.flags {
            let Some((name, value)) = flag.split_once('=') else {
                continue;
            };
            let (kind, named) = match name.to_ascii_lowercase().as_str() {
                "--from" => (Kind::Flag, vec![value.to_owned()]),
                "--mount" => (Kind::Mount, lines::mounted_from(value)),
                _ => continue,
            };
            let is_image = |name: &String| {
                let is_stage = every.iter().any(|stage| stage.eq_ignore_ascii_case(name));
                let is_number = kind == Kind::Flag && name.parse::<i64>().is_ok();
                !name.is_empty() && name != SCRATCH && !is_stage && !is_number
            };
            let images: BTreeSet<String> = named.into_iter().filter(is_image).collect();
            if !images.is_empty() {
                uses.push(Use {
                    line: one.source.line,
                    images,
                    from: false,
                    place: Place {
                        source: one.source.clone(),
                        span: span.clone(),
                        kind,
                    },
                });
            }
        }
    }
    Ok(uses)
}

/// What variables may be where a `FROM` is read: for each version of the builder, and each kind of the processor.
fn environments(instructions: &[Instruction], target: Option<&str>, given: &Given<'_>) -> Vec<Env> {
    let args: BTreeMap<&str, &str> = given
        .args
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let variants: &[&str] = match given.arch {
        "arm" => &["", "v5", "v6", "v7"],
        "arm64" => &["", "v8"],
        _ => &[""],
    };
    let mut envs = Vec::new();
    for dialect in [Dialect::Newest, Dialect::Of20] {
        for variant in variants {
            let mut env = Env::new(dialect);
            for (name, value) in platform(given.arch, variant, target) {
                let value = args.get(name.as_str()).map_or(value, |given| (*given).to_owned());
                env.set(&name, Value::Known(value));
            }
            let before = instructions.iter().take_while(|one| one.name != "from");
            for one in before.filter(|one| one.name == "arg") {
                for (name, default) in one.arguments() {
                    let value = match (args.get(name.as_str()), default) {
                        (Some(given), _) => Value::Known((*given).to_owned()),
                        (None, Some(default)) => {
                            match words::expand(&default, one.source.escape, &env) {
                                Ok(value) => Value::Known(value),
                                // Docker 20.10's takes it to be empty; newer ones refuse the whole.
                                Err(words::Fail::Refused) => Value::Known(String::new()),
                                Err(words::Fail::Unclear(why)) => Value::Unclear(why),
                            }
                        }
                        (None, None) if dialect == Dialect::Of20 => Value::Known(String::new()),
                        (None, None) => continue,
                    };
                    env.set(&name, value);
                }
            }
            if !envs.contains(&env) {
                envs.push(env);
            }
        }
    }
    envs
}

/// The variables that a builder sets by itself.
fn platform(arch: &str, variant: &str, target: Option<&str>) -> Vec<(String, String)> {
    let whole = ["linux", arch, variant];
    let whole: Vec<&str> = whole.into_iter().filter(|part| !part.is_empty()).collect();
    let whole = whole.join("/");
    let mut all = vec![("TARGETSTAGE".to_owned(), target.unwrap_or("default").to_owned())];
    for whose in ["BUILD", "TARGET"] {
        for (what, value) in [
            ("PLATFORM", whole.as_str()),
            ("OS", "linux"),
            ("OSVERSION", ""),
            ("ARCH", arch),
            ("VARIANT", variant),
        ] {
            all.push((format!("{whose}{what}"), value.to_owned()));
        }
    }
    all
}

#[cfg(test)]
mod tests;
