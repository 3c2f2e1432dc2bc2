//! What an app's containers may do beyond what every container may: P49.

use gokku_tests::Server;

const REFUSED: &str = "packet: EPERM, icmp: EPERM";
const OPEN: &str = "packet: open, icmp: open";

/// P49: no container of an app comes to raw packets, by which the traffic of its neighbours could be had: not what serves,
/// not its migration, not what runs in or beside it. Where the server's owner gives it, all of them do.
#[test]
fn p49_raw_packets_are_for_apps_that_are_given_them() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment: {post_deploy: [/app raw]}\n");
    api.gokku(["config", "set", "MIGRATION_COMMAND=/app raw"]).ok();
    let everywhere = |found: &str| {
        assert_eq!(api.get("/raw").unwrap().text(), found);
        assert_eq!(api.gokku(["run", "--", "/app", "raw"]).ok().line(), found);
        assert_eq!(api.gokku(["exec", "--", "/app", "raw"]).ok().line(), found);
    };
    let push = dev.release("v1").ok();
    assert_eq!(
        push.output.matches(REFUSED).count(),
        2,
        "migration and post_deploy: {push}"
    );
    everywhere(REFUSED);

    // Whoever pushes may ask; that it is given is not theirs to say.
    dev.edit(
        "gokku.yml",
        "    deployment",
        "    capabilities: [cap_net_raw]\n    deployment",
    );
    let push = dev.release("v2").rejected();
    let settings = server.path("config.toml").display().to_string();
    for told in [
        "gokku.yml:4:20: capabilities: NET_RAW is not given",
        &format!(
            "capabilities = [\"NET_RAW\"] below [apps.{}] in {settings}",
            api.name()
        ),
    ] {
        assert!(push.output.contains(told), "no {told:?} in\n{push}");
    }
    assert!(!push.output.contains("Building"), "{push}");
    assert_eq!(api.version(), "v1");

    let before = server.read("config.toml");
    let given = |app: &str| format!("{before}\n[apps.{app}]\ncapabilities = [\"NET_RAW\"]\n");
    server.write("config.toml", given("another"));
    dev.push().rejected().says("NET_RAW is not given");
    server.write("config.toml", given(api.name()));
    let push = dev.push().ok();
    assert_eq!(push.output.matches(OPEN).count(), 2, "{push}");
    everywhere(OPEN);
    // What is made anew of the same release has the same.
    api.gokku(["config", "set", "X=1"]).ok();
    everywhere(OPEN);

    // What is no longer given is no longer made; what runs does until then.
    server.write("config.toml", &before);
    api.gokku(["restart"]).exits(1).complains("NET_RAW is not given");
    api.gokku(["run", "--", "/app", "raw"])
        .exits(2)
        .complains("NET_RAW is not given");
    assert_eq!(api.get("/raw").unwrap().text(), OPEN);
    api.gokku(["rollback"]).ok();
    everywhere(REFUSED);
}
