//! P49: a build gets no image of another app, however its Dockerfile names it, and shares no cache with one. Every
//! attack is made against the engine itself, with a secret that must not come out.

use std::collections::BTreeSet;
use std::process::Command;

use gokku_core::AppName;
use gokku_core::build::image_sources::ownership::Neighbours;
use gokku_core::containers::{Apart, BuildRequest, labels};
use gokku_docker::Error;

use crate::support::{Folder, Lab, docker};

const SECRET: &str = "the-secret-of-another-app";

/// Two apps of one server, and an image of the other one, with its secret in it.
struct Two {
    lab: Lab,
    own: AppName,
    other: AppName,
    /// As long as the other's name, and nobody's.
    nobody: String,
}

impl Two {
    async fn new() -> Self {
        let lab = Lab::new().await;
        let name = |end: &str| lab.name(end).replace("gokku-docker", "g");
        let two = Self {
            own: name("a").parse().unwrap(),
            other: name("b").parse().unwrap(),
            nobody: name("n"),
            lab,
        };
        let folder = Folder::new("FROM scratch\nCOPY app /app\nCOPY secret /secret\n").file("secret", SECRET);
        let request = BuildRequest {
            tag: format!("{}:latest", two.other),
            labels: two.lab.labels(&[(labels::APP, two.other.as_str())]),
            ..two.lab.request(folder.path())
        };
        two.lab.build(&request).await.0.unwrap();
        two
    }

    fn request<'a>(&self, folder: &'a Folder, args: &[(&str, &str)]) -> BuildRequest<'a> {
        BuildRequest {
            tag: format!("{}:latest", self.own),
            labels: self.lab.labels(&[(labels::APP, self.own.as_str())]),
            args: args
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            apart: Apart {
                neighbours: Neighbours {
                    root: self.lab.root.clone(),
                    own: self.own.clone(),
                    others: BTreeSet::from([self.other.clone()]),
                },
                caches: self.lab.name("a"),
            },
            ..self.lab.request(folder.path())
        }
    }

    /// What a build says that must fail.
    async fn fails(&self, dockerfile: &str, args: &[(&str, &str)]) -> String {
        let folder = Folder::new(dockerfile);
        let (built, lines) = self.lab.build(&self.request(&folder, args)).await;
        let said = lines.join("\n");
        let error = match built {
            Err(error) => error.to_string(),
            Ok(id) => panic!("it was built, {id}\n{dockerfile}\n{said}"),
        };
        format!("{said}\n{error}")
    }

    async fn builds(&self, dockerfile: &str) {
        let folder = Folder::new(dockerfile);
        let (built, lines) = self.lab.build(&self.request(&folder, &[])).await;
        built.unwrap_or_else(|error| panic!("{error}\n{dockerfile}\n{}", lines.join("\n")));
    }
}

/// A Dockerfile that names the image `{}`, and build arguments.
type Attack = (&'static str, &'static [(&'static str, &'static str)]);

const ATTACKS: [Attack; 13] = [
    ("FROM {}\nRUN [\"/app\", \"print\", \"/secret\"]\n", &[]),
    (
        "from docker.io/library/{}:latest as x\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    (
        "FROM \\\n# x\n \"{}\"\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    (
        "ARG X={}\nFROM index.docker.io/$X\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    ("FROM ${NONE:-{}}\nRUN [\"/app\", \"print\", \"/secret\"]\n", &[]),
    (
        "ARG X\nFROM ${X}\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[("X", "{}")],
    ),
    (
        "# escape=`\nFROM `\n{}`\n:latest\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    (
        "FROM {} AS x\nFROM scratch\nCOPY --from=x /secret /secret\nCOPY --from=x /app /app\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    (
        "FROM scratch\nCOPY --from={} / /\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    (
        "FROM scratch\nCOPY app /app\nCOPY --from={}:latest /secret /\nRUN [\"/app\", \"print\", \"/secret\"]\n",
        &[],
    ),
    (
        "FROM scratch\nCOPY app /app\nRUN --mount=from={},target=/x [\"/app\", \"print\", \"/x/secret\"]\n",
        &[],
    ),
    (
        "FROM scratch\nCOPY app /app\nRUN --mount=type=bind,target=/x,from={}:latest [\"/app\", \"print\", \"/x/secret\"]\n",
        &[],
    ),
    (
        "FROM scratch\nCOPY app /app\nRUN --mount='\"target=/x\",type=cache,FROM={}' [\"/app\", \"print\", \"/x/secret\"]\n",
        &[],
    ),
];

/// What is said of another app's image is, to the letter, what is said of one that there is not.
#[tokio::test]
async fn p49_no_reference_gets_an_image_of_another_app_nor_tells_that_there_is_one() {
    let two = Two::new().await;
    for (dockerfile, args) in ATTACKS {
        let about = async |name: &str| {
            let args: Vec<(&str, String)> = args
                .iter()
                .map(|(key, value)| (*key, value.replace("{}", name)))
                .collect();
            let args: Vec<(&str, &str)> = args.iter().map(|(key, value)| (*key, value.as_str())).collect();
            two.fails(&dockerfile.replace("{}", name), &args).await
        };
        let (of_other, of_nobody) = (about(two.other.as_str()).await, about(&two.nobody).await);
        assert!(!of_other.contains(SECRET), "{of_other}");
        // Whether a step is told that runs beside, is chance.
        let certain = |said: &str| -> Vec<String> {
            let lines = said.lines().filter(|line| !line.contains("COPY app /app"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(
            certain(&of_other.replace(two.other.as_str(), &two.nobody)),
            certain(&of_nobody),
            "{dockerfile}"
        );
    }
    // A stage that nobody needs is looked for by nobody.
    for name in [two.other.as_str(), &two.nobody] {
        let unneeded = format!("FROM {name} AS x\nFROM scratch\nCOPY app /app\n");
        two.builds(&unneeded).await;
    }
}

#[tokio::test]
async fn p49_an_image_of_another_app_is_not_got_by_its_id_either() {
    let two = Two::new().await;
    let image = two
        .lab
        .engine
        .image(&format!("{}:latest", two.other))
        .await
        .unwrap()
        .unwrap();
    let id = image.id.as_str().trim_start_matches("sha256:").to_owned();
    let print = "RUN [\"/app\", \"print\", \"/secret\"]\n";
    for name in [
        &id[..12],
        &id[..40],
        &id,
        &format!("sha256:{id}"),
        &format!("x@sha256:{id}"),
    ] {
        let said = two.fails(&format!("FROM {name}\n{print}"), &[]).await;
        assert!(!said.contains(SECRET), "{name}: {said}");
        let copy = format!("FROM scratch\nCOPY --from={name} / /\n{print}");
        let said = two.fails(&copy, &[]).await;
        assert!(!said.contains(SECRET), "{name}: {said}");
    }
}

#[tokio::test]
async fn what_is_an_apps_own_and_what_is_everybodys_is_built_upon() {
    let two = Two::new().await;
    let public = two.lab.name("public");
    let private = two.other.as_str();
    // A public image that another app runs.
    docker(&["tag", &format!("{private}:latest"), &format!("{public}:1")]);
    two.builds(&format!("FROM {public}:1\nENV A=1\n")).await;
    two.builds(&format!("FROM scratch\nCOPY --from={public}:1 /app /app\n"))
        .await;
    // Its own earlier one.
    two.builds(&format!("FROM {}:latest\nENV B=1\n", two.own)).await;
}

/// What a base image brings along is looked at as well, and so is what a build leaves for those upon it.
#[tokio::test]
async fn p49_onbuild_instructions_get_nothing_of_another_app() {
    let two = Two::new().await;
    let base = format!("{}:1", two.lab.name("base"));
    let trigger = format!("ONBUILD COPY --from={}:latest / /", two.other);
    let empty = Folder::empty().file("x", "");
    let mut import = Command::new("sh");
    let script = "tar -C \"$1\" -c . | docker import --change \"$2\" --change \"LABEL $3\" - \"$4\"";
    let label = format!("{}={}", labels::ROOT, two.lab.root);
    import.args([
        "-c",
        script,
        "sh",
        empty.path().to_str().unwrap(),
        &trigger,
        &label,
        &base,
    ]);
    let imported = import.output().unwrap();
    assert!(
        imported.status.success(),
        "{}",
        String::from_utf8_lossy(&imported.stderr)
    );
    let said = two
        .fails(
            &format!("FROM {base}\nRUN [\"/app\", \"print\", \"/secret\"]\n"),
            &[],
        )
        .await;
    assert!(!said.contains(SECRET), "{said}");
    assert!(!said.contains("gokku-none"), "{said}");
    two.builds(&format!("FROM scratch\nCOPY app /app\n{trigger}\n"))
        .await;
    let own = two.own.as_str();
    let said = two
        .fails(
            &format!("FROM {own}\nRUN [\"/app\", \"print\", \"/secret\"]\n"),
            &[],
        )
        .await;
    assert!(!said.contains(SECRET), "{said}");
}

#[tokio::test]
async fn a_dockerfile_that_is_a_link_is_read_where_it_leads() {
    let two = Two::new().await;
    let text = format!("FROM {}\nRUN [\"/app\", \"print\", \"/secret\"]\n", two.other);
    let folder = Folder::new("")
        .file("deploy/web", text)
        .link("deploy/link", "web");
    std::fs::remove_file(folder.path().join("Dockerfile")).unwrap();
    let folder = folder.link("Dockerfile", "deploy/link");
    let (built, lines) = two.lab.build(&two.request(&folder, &[])).await;
    let error = built.expect_err("it names another app's image");
    assert!(!lines.join("\n").contains(SECRET), "{error} {lines:?}");
}

#[tokio::test]
async fn p49_no_other_program_reads_a_dockerfile() {
    let two = Two::new().await;
    let attacks = [
        ("# syntax={}\nFROM scratch\n", [].as_slice()),
        ("#SYNTAX = {}:latest\nFROM scratch\n", &[]),
        ("# a comment\n# syntax={}\nFROM scratch\n", &[]),
        ("// syntax={}\nFROM scratch\n", &[]),
        ("#!/x\n# syntax={}\nFROM scratch\n", &[]),
        ("{\"syntax\": \"{}\"}", &[]),
        ("\u{feff}# syntax={}\nFROM scratch\n", &[]),
        ("FROM scratch\nCOPY app /app\n", &[("BUILDKIT_SYNTAX", "{}")]),
    ];
    for (text, args) in attacks {
        let folder = Folder::new(&text.replace("{}", two.other.as_str()));
        let mut request = two.request(&folder, args);
        for (_, value) in &mut request.args {
            *value = value.replace("{}", two.other.as_str());
        }
        let (built, lines) = two.lab.build(&request).await;
        let error = built.expect_err(text);
        assert!(matches!(error, Error::Unclear(_)), "{text}: {error} {lines:?}");
    }
}

/// Another app has other cache mounts and other results of steps, with the same Dockerfile and the same files; a build
/// of the same app has its own again.
#[tokio::test]
async fn p49_two_apps_share_no_cache() {
    let two = Two::new().await;
    let mark = two.lab.name("mark");
    let build = async |app: &str, dockerfile: &str, said: &str| {
        let folder = Folder::new(dockerfile).file("said", said);
        let mut request = two.request(&folder, &[]);
        request.apart.caches = two.lab.name(app);
        let (built, lines) = two.lab.build(&request).await;
        built.unwrap_or_else(|error| panic!("{error}\n{}", lines.join("\n")));
        lines.join("\n")
    };
    // The program has nothing that writes into a folder but this: a mount leaves its target's folder.
    for id in ["", "id=shared,", "id=../b,", "id=/cache,"] {
        let fills = format!(
            "FROM scratch\nCOPY app said /\nENV M={mark}{id}\nRUN --mount=type=cache,{id}target=/cache --mount=type=bind,source=said,target=/cache/{{}} [\"/app\", \"tree\", \"/cache\"]\n"
        );
        let looks = |app: &str| {
            format!(
                "FROM scratch\nCOPY app /\nENV M={mark}{id}{app}\nRUN --mount=type=cache,{id}target=/cache [\"/app\", \"tree\", \"/cache\"]\n"
            )
        };
        build("a", &fills.replace("{}", "poison"), "x").await;
        let own = build("a", &looks("a"), "").await;
        assert!(own.contains("/cache/poison"), "{own}");
        let others = build("b", &looks("b"), "").await;
        assert!(!others.contains("poison"), "{others}");
    }
    // A step of the same text on the same files.
    let step = format!("FROM scratch\nCOPY app /\nENV M={mark}\nRUN [\"/app\", \"say\", \"done\"]\n");
    let cached = |lines: &str| {
        lines
            .lines()
            .any(|line| line.contains("RUN") && line.contains("(cached)"))
    };
    assert!(!cached(&build("a", &step, "").await));
    assert!(cached(&build("a", &step, "").await));
    assert!(!cached(&build("b", &step, "").await));
}
