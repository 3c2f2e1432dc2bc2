//! The server's ports, and those who are let in with keys: P49. Through a real sshd.

use gokku_tests::{Output, Server, Sshd, free_port, unique};

use crate::keys::{copy_for, let_in, ssh};

/// P49: a port below 1024, and one that the server's settings keep, is not to be had with a key, in whichever way it is
/// asked for. The owner takes it for the app, or gives it; and what the app has it keeps.
#[test]
fn p49_a_key_takes_no_port_that_is_the_servers_own() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let (kept, first, common) = (free_port(), free_port(), free_port());
    let config = server.read("config.toml");
    let forbidden =
        format!("[proxy]\nfirst_port = {first}\nforbidden_ports = [{kept}, \"{first}-{first}\"]\n");
    server.write("config.toml", config.replace("[proxy]\n", &forbidden));
    let api = unique("api");
    let_in(&server, &sshd, "ada", &[&api]);
    let ada = |line: &str| ssh(&server, &["ada", &format!("gokku {line} -a {api}")]);
    let version = |port: u16| {
        gokku_tests::get(([127, 0, 0, 1], port).into(), "/version")
            .unwrap()
            .text()
    };
    let dev = copy_for(&server, &api, 22, &format!("ada:{api}"));
    let says = |keys: &str| dev.write("gokku.yml", format!("apps:\n  {api}:\n    {keys}\n"));

    for (keys, place, port) in [
        ("ports: [\"22:8080\"]".to_owned(), "3:13: ports", 22),
        (format!("ports: [\"{kept}:8080\"]"), "3:13: ports", kept),
        (
            "ports: [\"8080:8080\", \"23:23/tcp\"]".to_owned(),
            "3:26: ports",
            23,
        ),
        (format!("ports: [\"{kept}:8080/tcp\"]"), "3:13: ports", kept),
        ("env: {PORT: 0443}".to_owned(), "3:17: env", 443),
        (
            "environments: [{name: production, env: {PORT: 1023}}]".to_owned(),
            "3:51: environments[].env",
            1023,
        ),
    ] {
        says(&keys);
        let push = dev.release("v0").rejected();
        let told = format!("gokku.yml:{place}: port {port} is ");
        assert!(push.output.contains(&told), "no {told:?} in\n{push}");
        assert!(push.output.contains(&format!("below [apps.{api}] in ")), "{push}");
        assert!(!push.output.contains("Building"), "{push}");
    }
    for line in [
        "config set PORT=22",
        "config set PORT=022 --no-restart",
        "config set X=1 PORT=1023",
    ] {
        ada(line)
            .exits(2)
            .complains("PORT: port ")
            .complains("Nothing was set");
    }
    let mut import = server.command("ssh");
    import.args(["ada", &format!("gokku config import -a {api}")]);
    Output::with_input(&mut import, format!("PORT={kept}\nPORT='{kept}'\n").as_bytes())
        .exits(2)
        .complains("is kept by the server's owner");
    assert_eq!(ada("config list").ok().stdout, "");

    // What is looked for is none of those that are kept.
    says("path: .");
    dev.release("v1").ok();
    let status = server.gokku(["status", "-a", &api, "--json"]).ok().json();
    let found = u16::try_from(status["port"].as_u64().unwrap()).unwrap();
    assert!(found > first && found != kept, "{found}");
    // A variable that counts for nothing now may count later, and is asked for as well.
    ada(&format!("config set PORT={common}")).ok();
    says("env: {PORT: 22}");
    dev.release("v0")
        .rejected()
        .says("env: port 22 is one of those below 1024");

    // The owner's own push takes it; from then on it is the app's, whoever asks.
    says(&format!("ports: [\"{kept}:{common}\"]"));
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let repository = server.path(format!("repos/{api}.git"));
    dev.git(["push", &repository.display().to_string(), "main"]).ok();
    assert_eq!(version(kept), "v2");
    ada("restart").ok();
    for port in [kept, common] {
        ada(&format!("config set PORT={port} --no-restart")).ok();
    }
    assert_eq!(version(kept), "v2");
    // It gives it back by taking another one, and has it again when the owner gives it.
    says(&format!("ports: [\"{common}:{common}\"]"));
    dev.release("v3").ok();
    assert_eq!(version(common), "v3");
    ada("rollback")
        .exits(1)
        .complains("is kept by the server's owner");
    let settings = server.read("config.toml");
    server.write(
        "config.toml",
        format!("{settings}\n[apps.{api}]\nports = [{kept}]\n"),
    );
    ada("rollback").ok();
    assert_eq!(version(kept), "v2");
}
