//! The map of files in `ARCHITECTURE.md`: each source file with the first words it says of itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::markdown::table;
use super::{below_root, root, told};

const BEGIN: &str = "<!-- files: written by `cargo xtask docs` from the first words of each file -->\n";
const END: &str = "<!-- end of files -->\n";

/// The crates, from the bottom up: as they may use each other.
const CRATES: [&str; 7] = [
    "gokku-core",
    "gokku-docker",
    "gokku-git",
    "gokku-proxy",
    "gokku-remote",
    "gokku-server",
    "gokku-cli",
];

/// The page as it is, with its map made new.
pub(super) fn page(written: &str) -> Result<String, String> {
    let broken = || format!("ARCHITECTURE.md must have the lines {BEGIN}and {END}");
    let (before, rest) = written.split_once(BEGIN).ok_or_else(broken)?;
    let (_, after) = rest.split_once(END).ok_or_else(broken)?;
    let mut text = format!("{before}{BEGIN}");
    for name in CRATES {
        text.push_str(&crate_map(name)?);
    }
    Ok(format!("{text}\n{END}{after}"))
}

fn crate_map(name: &str) -> Result<String, String> {
    let src = root().join("crates").join(name).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files)?;
    files.sort();
    // What introduces the others comes first.
    files.sort_by_key(|path| *path != src.join("lib.rs"));
    let rows: Vec<[String; 2]> = files
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).map_err(|error| told(path, &error))?;
            let words = first_words(&text)
                .ok_or_else(|| format!("{} says in no `//!` line what it is for", below_root(path)))?;
            let shown = path.strip_prefix(&src).unwrap_or(path).display();
            Ok([format!("[`{shown}`]({})", below_root(path)), words])
        })
        .collect::<Result<_, String>>()?;
    Ok(format!("\n### {name}\n\n{}", table(["file", "subject"], &rows)))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| told(folder, &error))? {
        let path = entry.map_err(|error| told(folder, &error))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The first sentence of a file's own documentation.
fn first_words(text: &str) -> Option<String> {
    let lines = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    let sentence = paragraph[..end].trim_end_matches(['.', ':']);
    // In a table of another page the names of types are no links.
    let plain = sentence
        .replace("[`", "`")
        .replace("`]", "`")
        .replace('<', "&lt;");
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_taken() {
        let text = "//! Ids that other programs\n//! give: of images. And more.\n//!\n//! Else.\nuse std;\n";
        assert_eq!(
            first_words(text).unwrap(),
            "Ids that other programs give: of images"
        );
        assert_eq!(
            first_words("//! A [`Thing`], and why.\n").unwrap(),
            "A `Thing`, and why"
        );
        assert_eq!(first_words("use std;\n"), None);
    }

    #[test]
    fn the_rest_of_the_page_stays() {
        let written = format!("before\n{BEGIN}old\n{END}after\n");
        let made = page(&written).unwrap();
        assert!(made.starts_with(&format!("before\n{BEGIN}")));
        assert!(made.ends_with(&format!("{END}after\n")));
        assert!(!made.contains("old\n"));
        assert_eq!(page(&made).unwrap(), made);
    }
}
