//! `cargo xtask docs`: the parts of the documentation that are written from the code.
//!
//! - `cli`: `docs/cli.md`, from everything that can be typed
//! - `configuration`: `docs/configuration.md`, from the tables of settings and keys
//! - `schema`: `docs/gokku.schema.json`, from the types that `gokku.yml` is read with
//! - `links`: whether what the pages point at is there; `map`: whether what `ARCHITECTURE.md` names is
//!
//! What people write stands in `docs/*.md` beside this file, with a line `<!-- name -->` where a table goes.

mod cli;
mod configuration;
#[cfg(test)]
mod links;
#[cfg(test)]
mod map;
mod markdown;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

/// A page that is written from the code.
struct Page {
    path: PathBuf,
    text: String,
}

/// Writes the pages, or only checks that they are what the code says.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let mut stale = Vec::new();
    for page in pages()? {
        let there = fs::read_to_string(&page.path).unwrap_or_default();
        if there == page.text {
            continue;
        }
        if check {
            stale.push(difference(&page, &there));
        } else {
            fs::write(&page.path, &page.text).map_err(|error| told(&page.path, &error))?;
            println!("wrote {}", below_root(&page.path));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the documentation is not what the code says; `cargo xtask docs` writes it\n{}",
        stale.join("\n")
    ))
}

fn pages() -> Result<Vec<Page>, String> {
    Ok(vec![
        Page {
            path: root().join("docs/cli.md"),
            text: cli::page()?,
        },
        Page {
            path: root().join("docs/configuration.md"),
            text: configuration::page()?,
        },
        Page {
            path: root().join("docs/gokku.schema.json"),
            text: schema::page()?,
        },
    ])
}

/// The first line that is not as it should be.
fn difference(page: &Page, there: &str) -> String {
    let (mut is, mut should_be) = (there.lines(), page.text.lines());
    for number in 1.. {
        match (is.next(), should_be.next()) {
            (Some(is), Some(should_be)) if is == should_be => {}
            (None, None) => break,
            (is, should_be) => {
                return format!(
                    "{}:{number}\n  is        {}\n  should be {}",
                    below_root(&page.path),
                    is.unwrap_or("(the end)"),
                    should_be.unwrap_or("(the end)")
                );
            }
        }
    }
    format!("{}: its line ends differ", below_root(&page.path))
}

/// The repository's top.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", below_root(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_from_the_code_is_current() {
        if let Err(why) = run(true) {
            panic!("{why}");
        }
    }

    #[test]
    fn a_difference_is_told_with_its_line() {
        let page = Page {
            path: root().join("docs/cli.md"),
            text: "one\ntwo\nthree\n".to_owned(),
        };
        let told = difference(&page, "one\n2\nthree\n");
        assert_eq!(told, "docs/cli.md:2\n  is        2\n  should be two");
        let told = difference(&page, "one\ntwo\n");
        assert_eq!(told, "docs/cli.md:3\n  is        (the end)\n  should be three");
    }
}
