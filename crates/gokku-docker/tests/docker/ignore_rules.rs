//! `.dockerignore` to the letter: whatever it says, what is sent is what the docker program sends.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use gokku_docker::build::context;
use gokku_docker::build::ignore::Ignore;

use crate::support::{Client, Folder, paths};

/// So many patterns and trees are made up.
const MADE_UP: usize = 320;

/// What a `.dockerignore` says, what is sent nevertheless, what is not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Patterns that people write, and what is near to them.
const TABLE: &[Row] = &[
    // `**` takes folders, and at the beginning and end whatever.
    (
        "**.pem",
        &["pem", "a.pem.b"],
        &["certs/prod/server.pem", "server.pem", "a/.pem"],
    ),
    ("**/.pem", &["server.pem"], &[".pem", "a/b/.pem"]),
    (
        "**/*.pem",
        &["a.pemx"],
        &["certs/prod/server.pem", "server.pem", "a/.pem"],
    ),
    (
        "a**/*.env",
        &["b/a/x.env"],
        &["a/x.env", "app/prod/.env", "ab.env"],
    ),
    ("a**b", &["axb", "a/xb"], &["ab", "ax/b", "a/b"]),
    ("foo/**bar", &["foo/xbar", "foobar"], &["foo/bar", "foo/x/bar"]),
    ("src/**.o", &["src/x.o", "src/a/x.o"], &["src/.o", "src/a/.o"]),
    ("src/**/*.o", &["x.o"], &["src/x.o", "src/a/b/x.o"]),
    ("foo**", &["xfoo"], &["foo", "foobar/x"]),
    ("foo/**", &["foo.x"], &["foo/bar", "foo/.x/y"]),
    ("**foo", &["foox", "a/foox"], &["foo", "xfoo/y", "a/xfoo"]),
    ("**a*", &["ba", "b/ba"], &["a", "ax", "b/ax"]),
    ("**/foo/**", &["foox/a", "a/xfoo/b"], &["foo/a", "a/foo/b"]),
    ("a/**/**/b", &["ab"], &["a/b", "a/x/y/b"]),
    ("***", &[], &["a", "b/c"]),
    ("a***b", &["b/ab"], &["ab", "axb", "a/xb"]),
    ("**", &[], &["a", "b/c"]),
    ("**/", &[], &["a", "b/c"]),
    ("*/*", &["a"], &["b/c"]),
    (
        "*/temp*\n*/*/temp*\ntemp?",
        &["temp/a", "a/b/c/temp"],
        &["a/temporary", "a/b/temp", "tempa"],
    ),
    // A pattern is a path.
    ("tmp/../docs", &["tmp/x"], &["docs/x"]),
    ("/../a", &["b/a"], &["a"]),
    ("../a", &["a"], &[]),
    ("a//b/./c/", &["a/b/d"], &["a/b/c/e"]),
    ("/a\n//b", &["c/a"], &["a", "b"]),
    (".\n/\n./", &["a"], &[]),
    ("/ a", &["b"], &["a"]),
    // Letters, classes, and what looks like one.
    (
        "docs/?.md",
        &["docs/ab.md", "docs/.md"],
        &["docs/é.md", "docs/a.md"],
    ),
    ("b[!x]c", &["byc"], &["b!c", "bxc"]),
    ("b[^x]c", &["bxc"], &["byc", "b/c"]),
    ("b?c\nd*e", &["b/c", "d/e"], &["bxc", "dxe"]),
    ("[a-cé]x", &["dx"], &["ax", "bx", "éx"]),
    ("[\\]\\-]x", &["ax"], &["]x", "-x"]),
    (
        "[*]x\n[?]y",
        &["*x", "ax", "?y", "*]x", "?]y"],
        &["]x", "[]x", "[]y"],
    ),
    ("[[:digit:]]x*", &[":]x"], &["1x"]),
    ("a]", &["a"], &["a]"]),
    ("\\#a\n\\!b\n\\*", &["a", "b"], &["#a", "!b", "*"]),
    (
        "v\\d\nbin\\Debug",
        &["vd", "bin/Debug"],
        &["v1", "bin/ebug", "binDebug"],
    ),
    ("a\\/b\n\\x41\\x{42}\n\\103", &["x41"], &["a/b", "AB", "C"]),
    // What stands for itself, and what was forgotten.
    ("*.{js,ts}\n{id}", &["a.js", "b.ts", "id"], &["c.{js,ts}", "{id}"]),
    ("a{2}*", &["ab", "a{2}"], &["aa", "aab"]),
    ("a|b", &["a", "b"], &["a|b"]),
    ("a|b*", &["e"], &["ax", "a|b", "xb", "c/xbx", "cbd/c"]),
    ("^a*", &["^a"], &["a", "ab", "a^b"]),
    ("a^b\na^c*", &["a^cx", "a", "acx"], &["a^b"]),
    (
        "(a)*\na+*\na$*\na.b*",
        &["ab", "aa"],
        &["(a)b", "a+", "a$", "a.bc"],
    ),
    ("\\Qa*\\E*", &["a", "ab"], &["a[^/]*"]),
    // Lines.
    (" #secret\n#a", &["#a", "a"], &["#secret"]),
    ("\u{feff}#a\nb", &["#a"], &["b"]),
    ("\u{feff}a*", &["b"], &["ax"]),
    ("x\n\u{feff}a*\n\u{feff}b", &["b"], &["ax", "\u{feff}b"]),
    (
        "a\r\n\u{a0}b\u{2003}\r\n\tc \u{c}\r\nd e",
        &["d", "e"],
        &["a", "b", "c", "d e"],
    ),
    // Exceptions.
    (
        "*.md\n!README*.md\nREADME-secret.md",
        &["README.md"],
        &["x.md", "README-secret.md"],
    ),
    (
        "*.md\nREADME-secret.md\n!README*.md",
        &["README.md", "README-secret.md"],
        &["x.md"],
    ),
    ("*\n! \ta\n!/b", &["a/x", "b"], &["c"]),
    ("*\n!!a", &["!a"], &["a"]),
    ("*.x\n./!a.x\nb/../!b.x\n/!c.x", &["a.x", "b.x", "c.x"], &["d.x"]),
    ("*\n!a/b/c", &["a/b/c/d"], &["a/b/x", "a/x", "x"]),
    ("*\n!a/b\na/b/c", &["a/b/x"], &["a/b/c", "a/x"]),
    ("a\n!a/b\na", &["a/b"], &["a/c"]),
    ("a\n!a/b\na/*", &[], &["a/b", "a/c"]),
    ("a/*\n!a/b\na", &[], &["a/b", "a/c"]),
    ("!a\na", &[], &["a"]),
    ("**\n!*.go", &["x.go"], &["x.c"]),
    // Both are sent in any case.
    ("Dockerfile\n.dockerignore\na", &["b"], &["a"]),
    ("*", &[], &["a"]),
];

/// No patterns: to the docker program, and here with their line.
const REFUSED: &[(&str, usize)] = &[
    ("[", 1),
    ("a\n\nb[", 3),
    ("[]", 1),
    ("[]a]", 1),
    ("[a-]", 1),
    ("[-a]", 1),
    ("[^]", 1),
    ("a\\", 1),
    ("# a\r\na\\ \r\n", 2),
    ("!", 1),
    ("a\n! \t", 2),
    ("!/", 1),
    ("./!", 1),
    ("a\n[z-a]", 2),
    ("[a-*]", 1),
    ("[[:letters:]]", 1),
    ("[[:digit:]", 1),
    ("node_modules\\cache", 1),
    ("src\\packages", 1),
    ("\\é", 1),
    ("\\8", 1),
    ("\\x{110000}", 1),
    ("*{2}", 1),
    ("a{1001}?", 1),
    ("a{3,2}?", 1),
    ("x|{2}?", 1),
];

/// A folder with these files, and what it leaves out.
fn folder(ignore: &[u8], files: impl IntoIterator<Item = impl AsRef<str>>) -> Folder {
    let folder = Folder::empty()
        .file("Dockerfile", "FROM scratch\n")
        .file(".dockerignore", ignore);
    files
        .into_iter()
        .fold(folder, |folder, file| folder.file(file.as_ref(), ""))
}

/// The docker program always sends it, for the builder that it is for; here it is a file like any other.
const DOCKERIGNORE: &[u8] = b".dockerignore";

/// What the docker program sends.
fn theirs(client: &Client, folder: &Path, dockerfile: &str) -> Result<BTreeSet<Vec<u8>>, String> {
    let mut paths = client.sends(folder, dockerfile)?;
    assert!(paths.remove(DOCKERIGNORE), "{:?}", shown(&paths));
    Ok(paths)
}

/// What is sent here.
fn ours(folder: &Path, dockerfile: &str) -> Result<BTreeSet<Vec<u8>>, String> {
    let mut tar = Vec::new();
    let written = context::write(folder, dockerfile, None, None, 0, &mut tar);
    written.map_err(|error| error.to_string())?;
    let mut paths = paths(&tar);
    paths.remove(DOCKERIGNORE);
    Ok(paths)
}

/// Does something with each of these, a few at a time.
fn each<T: Sync>(all: &[T], act: impl Fn(&Client, &T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let client = Client::new();
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(&client, one);
                }
            });
        }
    });
}

fn shown(paths: &BTreeSet<Vec<u8>>) -> Vec<String> {
    paths
        .iter()
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect()
}

#[test]
fn what_people_write_leaves_out_what_it_leaves_out_for_docker() {
    each(TABLE, |client, (ignore, sent, left_out)| {
        let folder = folder(ignore.as_bytes(), sent.iter().chain(*left_out));
        let theirs = theirs(client, folder.path(), "Dockerfile");
        let theirs = theirs.unwrap_or_else(|words| panic!("{ignore:?}: {words}"));
        assert_eq!(
            ours(folder.path(), "Dockerfile"),
            Ok(theirs.clone()),
            "{ignore:?}"
        );
        let has = |path: &&&str| theirs.contains(path.as_bytes());
        assert!(
            sent.iter().all(|path| has(&path)),
            "{ignore:?}: {:?}",
            shown(&theirs)
        );
        assert!(
            !left_out.iter().any(|path| has(&path)),
            "{ignore:?}: {:?}",
            shown(&theirs)
        );
        assert!(theirs.contains("Dockerfile".as_bytes()));
    });
}

/// A Dockerfile that is elsewhere, in what is left out. Docker's own program looks for it with an older reading of the
/// patterns, which does not see all folders above it; where it leaves it out its build fails.
#[test]
fn a_dockerfile_is_sent_wherever_it_is() {
    let all = [
        ("deploy", true),
        ("deploy/*", true),
        ("*", true),
        ("**", true),
        ("deploy/Docker*\n!deploy/x", true),
        ("*\n!deploy", true),
        ("**/deploy", false),
    ];
    each(&all, |client, (ignore, is_theirs)| {
        let folder = folder(ignore.as_bytes(), ["deploy/Dockerfile", "deploy/x", "y"]);
        let mut theirs = theirs(client, folder.path(), "deploy/Dockerfile").expect("it is sent");
        let is_new = theirs.insert(b"deploy/Dockerfile".to_vec());
        assert_eq!(is_new, !is_theirs, "{ignore:?}");
        assert_eq!(ours(folder.path(), "deploy/Dockerfile"), Ok(theirs), "{ignore:?}");
    });
}

#[test]
fn what_docker_refuses_is_refused_with_its_line() {
    let too_long = "x".repeat(64 * 1024);
    let rows: Vec<(&str, usize)> = REFUSED.iter().copied().chain([(&*too_long, 1)]).collect();
    each(&rows, |client, (ignore, line)| {
        let folder = folder(ignore.as_bytes(), ["a"]);
        let theirs = theirs(client, folder.path(), "Dockerfile").expect_err(ignore);
        let words = [
            "syntax error in pattern",
            "illegal exclusion pattern",
            "token too long",
        ];
        assert!(words.iter().any(|words| theirs.contains(words)), "{theirs}");
        let error = ours(folder.path(), "Dockerfile").expect_err(ignore);
        let place = format!("{}: line {line}: ", folder.path().join(".dockerignore").display());
        assert!(error.starts_with(&place) && error.lines().count() == 1, "{error}");
    });
    // The longest that is none.
    let longest = folder(&too_long.as_bytes()[1..], ["a"]);
    let theirs = theirs(&Client::new(), longest.path(), "Dockerfile");
    assert_eq!(ours(longest.path(), "Dockerfile"), theirs);
}

#[test]
fn what_is_wrong_with_a_pattern_is_said() {
    let said = |text: &[u8]| Ignore::parse(text).expect_err("no pattern").to_string();
    let texts = [
        "[a",
        "a\\",
        "!",
        "[z-a]",
        "[[:letters:]]",
        "[[:digit:]",
        "src\\packages",
        "x|{2}?",
        "*{2}",
        "a{1001}?",
        "\\\u{1b}c\\",
    ];
    let all: Vec<String> = texts.iter().map(|text| said(text.as_bytes())).collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// What Docker finds only when it comes to try it is refused at once, and so is what only Go's expressions have.
#[test]
fn stricter_than_docker() {
    let client = Client::new();
    for ignore in ["*\n[z-a]", "\\pL"] {
        let folder = folder(ignore.as_bytes(), ["a"]);
        theirs(&client, folder.path(), "Dockerfile").expect("Docker takes it");
        ours(folder.path(), "Dockerfile").expect_err("it is refused");
    }
}

/// Docker's classic way of sending does not look for them; BuildKit's does, and what users are told is that.
#[test]
fn exceptions_with_wildcards_bring_back_from_every_folder() {
    let files = ["docs/api/x.md", "docs/x.md", "docs/api/x.c"];
    let folder = folder(b"docs\n!docs/**/*.md\n", files);
    let theirs = theirs(&Client::new(), folder.path(), "Dockerfile").expect("it is sent");
    assert_eq!(shown(&theirs), ["Dockerfile", "docs/x.md"]);
    let ours = ours(folder.path(), "Dockerfile").expect("it is sent");
    assert_eq!(shown(&ours), ["Dockerfile", "docs/api/x.md", "docs/x.md"]);
}

/// Marsaglia's xorshift64, from a fixed seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).expect("a number")).expect("a number")
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// A tree in which few letters make many names.
    fn tree(&mut self) -> Vec<String> {
        let names = [
            "a", "b", "a", "b", "a", "b", "ab", "aa", "ba", "a.o", ".o", "é", "#a", "!b", "a|b", "{a}",
            "[a]", "a b", "^a", "a*", "1",
        ];
        let mut files: Vec<String> = Vec::new();
        for _ in 0..24 {
            let depth = 1 + self.below(3);
            let parts: Vec<&str> = (0..depth).map(|_| self.of(&names)).collect();
            let path = parts.join("/");
            let holds = |folder: &str, file: &str| {
                file.strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
            };
            if !files.iter().any(|file| holds(&path, file) || holds(file, &path)) {
                files.push(path);
            }
        }
        files
    }

    fn pattern(&mut self) -> String {
        let plain = ["a", "b", "ab", "a.o", ".o", "é", "1", "*", "**", "?"];
        let odd = [
            "[ab]", "[!a]", "[^a]", "[a-c]", "[*]", "[.-b]", "\\a", "\\*", "\\d", "\\b", "{2}", "{a}", "|",
            "^", "$", "+", "(", "]", "#", "!", " ", "\u{feff}", "[\\w]", "[é]",
        ];
        let mut pattern = String::new();
        if self.one_in(4) {
            pattern.push_str(self.of(&["/", " ", "./", "//", "**/", "!", "\t"]));
        }
        for part in 0..=self.below(2) {
            if part > 0 {
                pattern.push_str(if self.one_in(8) {
                    self.of(&["//", "/../", "/./"])
                } else {
                    "/"
                });
            }
            for _ in 0..=self.below(2) {
                let all = if self.one_in(4) { &odd[..] } else { &plain };
                pattern.push_str(self.of(all));
            }
        }
        if self.one_in(8) {
            pattern.push_str(self.of(&["/", " ", "\r", "/**", "/*"]));
        }
        pattern
    }

    fn ignore(&mut self) -> String {
        let mut lines = Vec::new();
        for line in 0..=self.below(4) {
            let exception = line > 0 && self.one_in(3);
            lines.push(if exception { "!" } else { "" }.to_owned() + &self.pattern());
        }
        lines.join("\n")
    }
}

#[test]
fn whatever_is_written_leaves_out_what_it_leaves_out_for_docker() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let all: Vec<(String, Vec<String>)> = (0..MADE_UP).map(|_| (chance.ignore(), chance.tree())).collect();
    let [same, fewer, refused] = [const { AtomicUsize::new(0) }; 3];
    let count = |one: &AtomicUsize| {
        one.fetch_add(1, Ordering::Relaxed);
    };
    each(&all, |client, (ignore, files)| {
        let folder = folder(ignore.as_bytes(), files);
        let theirs = theirs(client, folder.path(), "Dockerfile");
        let ours = ours(folder.path(), "Dockerfile");
        let (ours, theirs) = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            (Err(_), Err(_)) => return count(&refused),
            // Docker had no need to try it.
            (Err(error), Ok(_)) if ignore.contains('\n') && !error.contains("is not whole") => {
                return;
            }
            (ours, theirs) => panic!("{ignore:?}: {ours:?}, and Docker {theirs:?}"),
        };
        let missing: BTreeSet<_> = theirs.difference(&ours).cloned().collect();
        assert!(
            missing.is_empty(),
            "{ignore:?}: not sent, but by Docker: {:?}",
            shown(&missing)
        );
        let rules = Ignore::parse(ignore.as_bytes()).expect("patterns");
        // A folder that is left out, and that no exception's text begins with: Docker's classic way ends there.
        let ends_at = |folder: &[u8]| {
            let begins = |exception: &[u8]| [exception, b"/"].concat().starts_with(&[folder, b"/"].concat());
            !ours.contains(folder) && !rules.exceptions().any(begins)
        };
        for path in ours.difference(&theirs) {
            let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let mut folders = slashes.map(|(slash, _)| &path[..slash]);
            assert!(
                folders.any(ends_at),
                "{ignore:?}: sent, and not by Docker: {:?}",
                String::from_utf8_lossy(path)
            );
        }
        count(&same);
        if files.iter().any(|file| !theirs.contains(file.as_bytes())) {
            count(&fewer);
        }
    });
    // What is made up says something.
    let counts = [same, fewer, refused].map(AtomicUsize::into_inner);
    assert!(
        counts[0] > MADE_UP / 2 && counts[1] > MADE_UP / 4 && counts[2] > 0,
        "{counts:?}"
    );
}
