//! What a release says of its answers in `gokku.yml`: that they are compressed, and which pages clients get where there are none.

use std::process::Command;

use gokku_tests::{App, Server};

/// What curl gets, which takes every coding that it knows: the headers, and what it reads of the body.
fn curl(app: &App<'_>, path: &str, header: &str) -> (String, String) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--include",
            "--compressed",
            "--max-time",
            "60",
            "--header",
            header,
        ])
        .arg(format!("http://{}{path}", app.address()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Both come and go with the traffic, forwards and back.
#[test]
fn answers_are_as_the_release_says() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    let long = format!("x-long: {}", "many words ".repeat(200));
    dev.release("v1").ok();
    let plain = curl(&api, "/headers", &long);
    assert!(!plain.0.contains("content-encoding"), "{}", plain.0);

    dev.edit(
        "gokku.yml",
        "    ports:",
        "    compression: true\n    error_pages: public\n    ports:",
    );
    dev.write_app("v2", &[]);
    dev.commit("pages that are not there");
    dev.push()
        .rejected()
        .says("gokku.yml: error_pages: public has none of 502.html, 503.html, 504.html and 5xx.html");
    dev.write("public/503.html", "<h1>back soon</h1>");
    dev.commit("v2");
    dev.push().ok();
    let (head, body) = curl(&api, "/headers", &long);
    assert!(head.contains("content-encoding: "), "{head}");
    assert!(body.contains("many words many words"), "{body}");
    api.gokku(["stop"]).ok();
    let (head, body) = curl(&api, "/", &long);
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    assert_eq!(body, "<h1>back soon</h1>");
    api.gokku(["start"]).ok();

    api.gokku(["rollback"]).ok();
    let (head, _) = curl(&api, "/headers", &long);
    assert!(!head.contains("content-encoding"), "{head}");
    api.gokku(["stop"]).ok();
    let (_, body) = curl(&api, "/", &long);
    assert_eq!(body, "no release of this app is running\n");
}
