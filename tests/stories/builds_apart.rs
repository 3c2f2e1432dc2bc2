//! P49: what another app is built of does not get out by a build, however a Dockerfile asks for it.

use std::os::unix::fs::PermissionsExt;

use gokku_tests::{Server, unique};

#[test]
fn p49_a_push_gets_nothing_of_another_apps_image() {
    let server = Server::new();
    let theirs = server.create("theirs");
    let secret = unique("the-secret");
    theirs.working_copy().release(&secret).ok();
    let own = server.create("own");
    let with = |args: &str| own.working_copy_with(&format!("    build:\n      args: {args}\n"));
    let (plain, given) = (own.working_copy(), with("{WHOSE: THEIRS}"));
    let (name, nobody) = (theirs.name().to_owned(), unique("nobody"));
    let shown = theirs.docker([
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        &format!("{name}:latest"),
    ]);
    let id = shown.ok().line().trim_start_matches("sha256:").to_owned();
    let show = "RUN [\"/app\", \"version\"]\n";
    let own_app = "FROM scratch\nCOPY app /app\n";
    // One of each kind: every way to write them is in gokku-docker's own test, `tests/docker/apart.rs`.
    for (dev, dockerfile) in [
        (&plain, format!("FROM THEIRS\n{show}")),
        (&plain, format!("FROM {}\n{show}", &id[..12])),
        (&given, format!("ARG WHOSE\nFROM $WHOSE\n{show}")),
        (
            &plain,
            format!("{own_app}COPY --from=THEIRS:latest /version /version\n{show}"),
        ),
        (&plain, format!("# syntax=THEIRS\n{own_app}{show}")),
    ] {
        let attempt = |whose: &str| {
            dev.write_app("v1", &[]);
            dev.write("Dockerfile", dockerfile.replace("THEIRS", whose));
            if std::ptr::eq(dev, &raw const given) {
                let yml = format!(
                    "apps:\n  {}:\n    build:\n      args: {{WHOSE: {whose}}}\n",
                    own.name()
                );
                dev.write("gokku.yml", yml);
            }
            dev.commit("an attempt");
            let push = dev.push();
            assert!(!push.accepted, "{dockerfile}: {push}");
            assert!(!push.output.contains(&secret), "{dockerfile}: {push}");
            push.output
        };
        let said = attempt(&name);
        assert!(!said.contains("gokku-none"), "{said}");
        // What is said of it is said of one that there is not.
        let last = |output: &str| {
            let mut lines = output
                .lines()
                .filter(|line| line.contains("dockerfile") || line.contains("registry"));
            lines.next_back().unwrap_or_default().to_owned()
        };
        if dockerfile.starts_with("FROM THEIRS") {
            let of_nobody = attempt(&nobody);
            assert_eq!(
                last(&said).replace(&name, &nobody),
                last(&of_nobody),
                "{said}\n{of_nobody}"
            );
        }
    }

    // What a release leaves for those that are built on it; and a release of one's own is there to build on.
    let dockerfile = format!(
        "{own_app}COPY version behaviour /\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\nONBUILD COPY --from={name}:latest /version /version\n"
    );
    plain.write_app("v1", &[]);
    plain.write("Dockerfile", dockerfile);
    plain.commit("v1");
    plain.push().ok();
    assert_eq!(own.version(), "v1");
    plain.write("Dockerfile", format!("FROM {}:latest\n{show}", own.name()));
    plain.commit("v2");
    let push = plain.push();
    assert!(!push.output.contains(&secret), "{push}");
    assert_ne!(own.version(), secret);
    plain.write_app("v3", &[]);
    plain.commit("v3");
    plain.push().ok();
    plain.write("version", "v4\n");
    plain.write(
        "Dockerfile",
        format!("FROM {}:latest\nCOPY version /\n", own.name()),
    );
    plain.commit("v4");
    plain.push().ok();
    assert_eq!((own.version(), theirs.version()), ("v4".to_owned(), secret));

    // What the names of their caches begin with is nobody's to read.
    let [one, other] = [&theirs, &own].map(|app| {
        let path = app.path("build-caches");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::read_to_string(path).unwrap()
    });
    assert_ne!(one, other);
}

#[test]
fn p49_no_app_is_called_as_an_official_image_is() {
    let server = Server::new();
    for name in ["python", "alpine", "scratch", "gokku-none-6f74686572"] {
        let refused = server.gokku(["apps", "create", name]).exits(2);
        refused.complains(&format!("no app can be called {name}"));
    }
    let listed = server.gokku(["apps", "list", "--json"]).ok();
    assert!(!listed.stdout.contains("python"), "{listed}");
}
