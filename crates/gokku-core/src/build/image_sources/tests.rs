//! Dockerfiles, and the images that they name.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::mask::{PREFIX, masked, unmasked};
use super::*;

fn given(args: &[(String, String)]) -> Given<'_> {
    Given { args, arch: "amd64" }
}

/// `LINE image,image` of every use; `!LINE` where it is unclear.
fn told(text: &str, args: &[(&str, &str)]) -> String {
    let args: Vec<(String, String)> = args
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    match read(text, &given(&args)) {
        Ok(uses) => {
            let uses: Vec<String> = uses
                .iter()
                .map(|one| {
                    let images: Vec<&str> = one.images.iter().map(String::as_str).collect();
                    format!("{} {}", one.line, images.join(","))
                })
                .collect();
            uses.join("; ")
        }
        Err(why) => format!("!{}", why.line.unwrap_or(0)),
    }
}

fn named(text: &str) -> String {
    told(text, &[])
}

#[test]
fn an_image_is_found_however_it_is_written() {
    let digest = "other@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (text, wanted) in [
        ("FROM other", "1 other"),
        ("from other:latest", "1 other:latest"),
        ("  FROM\t other  ", "1 other"),
        ("FROM other AS x\n", "1 other"),
        ("FROM --platform=linux/amd64 other as x\n", "1 other"),
        ("FROM --platform=$BUILDPLATFORM other\n", "1 other"),
        ("FROM docker.io/library/other\n", "1 docker.io/library/other"),
        (&format!("FROM {digest}\n"), &*format!("1 {digest}")),
        ("FROM 0123456789ab\n", "1 0123456789ab"),
        ("FROM \"other\"\n", "1 other"),
        ("FROM o'the'r\n", "1 other"),
        ("FROM oth\\er\n", "1 other"),
        ("FROM \u{feff}other\n", "1 other"),
        // Lines.
        ("FROM \\\n  other\n", "1 other"),
        ("FROM ot\\\nher\n", "1 other"),
        ("FROM \\  \n# a comment\n\n other\n", "1 other"),
        ("# escape=`\nFROM `\nother\n", "2 other"),
        ("#ESCAPE = `\r\nFROM oth`\r\ner\r\n", "2 other"),
        ("\n\n# x\nFROM other\r\n", "4 other"),
        ("FROM other\\", "1 other"),
        // Variables.
        ("ARG X=other\nFROM $X\n", "2 other"),
        ("ARG X=other\nFROM ${X}:latest\n", "2 other:latest"),
        ("ARG X=oth\nARG Y=er\nFROM $X$Y\n", "3 other"),
        ("ARG X=oth\nARG Y=${X}er\nFROM ${Y}\n", "3 other"),
        ("ARG X='other' Y=\"$X\"\nFROM ${Y}\n", "2 other"),
        ("FROM ${X:-other}\n", "1 other"),
        ("FROM ${X:-${Y:-other}}\n", "1 other"),
        ("ARG X\nFROM ${X:-other}\n", "2 other"),
        ("ARG X=a\nFROM ${X:+other}\n", "2 other"),
        ("ARG X=other-slim\nFROM ${X%-*}\n", "2 other"),
        ("ARG X=my-other\nFROM ${X#*-}\n", "2 other"),
        ("ARG X=orher\nFROM ${X/r/t}\n", "2 other"),
        // Docker 20.10's builder takes what it does not understand to be empty.
        ("ARG X=${Y#a}\nFROM ${X:-other}\n", "2 other"),
        ("FROM ${TARGETARCH}-${TARGETOS}\n", "1 amd64-linux"),
        ("FROM scratch AS a\nARG X=other\nFROM $X\n", ""),
        // Stages.
        ("FROM scratch\n", ""),
        ("FROM debian AS other\nFROM other\n", "1 debian"),
        ("FROM debian AS Other\nFROM other\n", "1 debian"),
        ("FROM other AS other\nFROM other\n", "1 other"),
        ("FROM other\nFROM scratch AS other\n", "1 other"),
        ("FROM scratch AS other\nFROM other:latest\n", "2 other:latest"),
        // Other instructions.
        ("FROM scratch\nCOPY --from=other:latest / /x\n", "2 other:latest"),
        ("FROM scratch\nCOPY --chown=1:1 --from=other / /x\n", "2 other"),
        ("FROM scratch\nCOPY --from=\"other\" / /x\n", "2 other"),
        ("FROM scratch\nCOPY --fr\\om=oth'er' / /x\n", "2 other"),
        ("FROM scratch\nCOPY \\\n --from=other \\\n / /x\n", "2 other"),
        ("FROM scratch AS other\nCOPY --from=other / /x\n", ""),
        ("FROM scratch\nCOPY --from=0 / /x\n", ""),
        (
            "FROM scratch\nCOPY --from=99999999999999999999 / /x\n",
            "2 99999999999999999999",
        ),
        ("FROM scratch\nCOPY -- --from=other / /x\n", ""),
        ("FROM scratch\nADD --from=other / /x\n", "2 other"),
        (
            "FROM scratch\nRUN --mount=from=other,target=/x cat /x\n",
            "2 other",
        ),
        (
            "FROM scratch\nRUN --mount=type=bind,FROM=other:latest,target=/x x\n",
            "2 other:latest",
        ),
        (
            "FROM scratch\nRUN --mount='type=bind,\"from=other\"' x\n",
            "2 other",
        ),
        (
            "FROM scratch\nRUN --mount=type=cache,from=other,target=/x x\n",
            "2 other",
        ),
        ("FROM scratch\nRUN --mount=from=a --mount=from=b x\n", "2 a; 2 b"),
        ("FROM scratch\nRUN --mount=from=0,target=/x x\n", "2 0"),
        ("FROM scratch\nRUN echo --mount=from=other FROM other\n", ""),
        ("FROM scratch\nENV A=FROM\\\n other\n", ""),
        ("FROM scratch\nLABEL a=\"FROM other\"\n", ""),
        ("FROM scratch\nONBUILD COPY --from=other / /x\n", "2 other"),
        ("FROM scratch\nONBUILD RUN --mount=from=other x\n", "2 other"),
        (
            "FROM scratch\nonbuild onbuild copy --from=other / /x\n",
            "2 other",
        ),
        ("FROM scratch\nONBU\u{130}LD COPY --from=other / /x\n", "2 other"),
        (
            "# escape=`\nFROM scratch\nONBUILD COPY --from=oth\\er / /x\n",
            "!3",
        ),
        // Heredocs are no instructions.
        (
            "FROM scratch\nRUN <<EOF\nFROM other\nEOF\nCOPY --from=a / /\n",
            "5 a",
        ),
        (
            "FROM scratch\nCOPY <<A <<-B /x\nA\n\tCOPY --from=other\n\tB\nRUN --mount=from=a x\n",
            "6 a",
        ),
        (
            "FROM scratch\nRUN [\"x\", \"<<EOF\"]\nCOPY --from=other / /x\n",
            "3 other",
        ),
        (
            "FROM scratch\nRUN echo $((1<<2))\nCOPY --from=other / /x\n",
            "3 other",
        ),
    ] {
        assert_eq!(named(text), wanted, "{text}");
    }
}

#[test]
fn arguments_and_stages_decide() {
    for (text, args, wanted) in [
        ("ARG X=a\nFROM $X\n", vec![("X", "other")], "2 other"),
        ("ARG X\nFROM ${X}\n", vec![("X", "other")], "2 other"),
        // One that no ARG names is none.
        ("FROM ${X:-a}\n", vec![("X", "other")], "1 a"),
        ("FROM ${TARGETARCH}\n", vec![("TARGETARCH", "other")], "1 other"),
        (
            "FROM scratch\nCOPY --from=other / /\nFROM scratch AS other\n",
            vec![],
            "",
        ),
    ] {
        assert_eq!(told(text, &args), wanted, "{text}");
    }
}

#[test]
fn what_cannot_be_told_is_refused_with_its_line() {
    let lines: Vec<String> = (0..30)
        .map(|n| format!("ARG X{}=${{X{n}}}${{X{n}}}\n", n + 1))
        .collect();
    let grows = lines.concat();
    for (text, wanted) in [
        // A heredoc to one builder, an instruction to another: `COPY` ends it here and there.
        (
            "FROM scratch\nRUN <<\"COPY a b\"\nCOPY --from=other / /x\nCOPY a b\n".to_owned(),
            "!3",
        ),
        (
            "# check=skip=all\n# escape=`\nFROM a\nRUN x`\nCOPY --from=other / /x\n".to_owned(),
            "!5",
        ),
        ("FROM a\nRUN x\\\r\r\nCOPY --from=other / /x\n".to_owned(), "!3"),
        (
            "FROM a\nRUN [\"\\ud800\"] <<EOF\nFROM other\nEOF\n".to_owned(),
            "!2",
        ),
        ("ARG X=aaa\nFROM ${X//a*/other}\n".to_owned(), "!2"),
        (format!("ARG X0=xxxxxxxxxx\n{grows}FROM $X30\n"), "!32"),
        ("# escape=x\nFROM a\n".to_owned(), "!1"),
        ("FROM a\nRUN <<EOF\nx\n".to_owned(), "!2"),
        ("x".repeat(LARGEST + 1), "!1"),
    ] {
        assert_eq!(named(&text), wanted, "{}", text.get(..80).unwrap_or(&text));
    }
    // What makes no difference is nobody's concern.
    let grows = format!("ARG X0=xxxxxxxxxx\n{grows}FROM a\n");
    assert_eq!(named(&grows), "32 a");
}

#[test]
fn what_is_kept_away_has_another_name_and_the_rest_stays() {
    let mask = |text: &str| {
        let uses = read(text, &given(&[])).unwrap();
        let anothers: Vec<(&Use, &str)> = uses
            .iter()
            .flat_map(|one| one.images.iter().map(move |image| (one, image.as_str())))
            .filter(|(_, image)| image.contains("other"))
            .collect();
        let made = masked(text, &anothers);
        assert_eq!(made.split('\n').count(), text.split('\n').count(), "{text}");
        let uses = read(&made, &given(&[])).unwrap();
        assert!(
            uses.iter()
                .flat_map(|one| &one.images)
                .all(|image| !image.contains("other")),
            "{made}"
        );
        made.replace(PREFIX, "N-")
    };
    let n = "N-6f74686572";
    for (text, wanted) in [
        ("FROM other:1 AS x\nRUN y\n", format!("FROM {n}:1 AS x\nRUN y\n")),
        (
            "FROM --platform=linux/arm64 \\\n # x\n library/other\nRUN y\n",
            format!("FROM --platform=linux/arm64  library/{n}\n\n\nRUN y\n"),
        ),
        ("ARG X=other\nFROM ${X}\n", format!("ARG X=other\nFROM {n}\n")),
        (
            "FROM a\nCOPY --chown=1 --from=\"other:1\" a\\\n  b c\n",
            format!("FROM a\nCOPY --chown=1 --from={n}:1 a  b c\n\n"),
        ),
        (
            "FROM a\nRUN --mount=from=other,target=/x --mount=type=bind,from=other x <<E\nother\nE\n",
            format!("FROM a\nRUN --mount=from={n},target=/x --mount=type=bind,from={n} x <<E\nother\nE\n"),
        ),
        (
            "FROM a\nRUN --mount='type=bind,\"FROM=other\"' x\n",
            format!("FROM a\nRUN --mount=type=bind,from={n},target=/N-x x\n"),
        ),
        (
            "FROM a\nONBUILD COPY --from=other / /\n",
            format!("FROM a\nONBUILD COPY --from={n} / /\n"),
        ),
        ("FROM a\r\nRUN y\r\n", "FROM a\r\nRUN y\r\n".to_owned()),
    ] {
        let made = mask(text);
        assert_eq!(made, wanted, "{text}");
        let said = made.replace("N-", PREFIX);
        assert!(unmasked(&said).contains("other") || said == text, "{said}");
    }
}

#[test]
fn triggers_name_images_too() {
    let of = |trigger: &str| {
        let images = read_trigger(trigger, &given(&[])).map_err(|why| why.line);
        images.map(|images| images.into_iter().collect::<Vec<_>>().join(","))
    };
    assert_eq!(of("COPY --from=other / /x"), Ok("other".to_owned()));
    assert_eq!(of("RUN --mount=from=other \\\n x"), Ok("other".to_owned()));
    assert_eq!(of("RUN npm ci"), Ok(String::new()));
    assert_eq!(of("FROM other"), Ok("other".to_owned()));
    assert!(of("RUN <<EOF").is_err());
}
