//! Which pushes deploy, which are stored, and which are refused before any work.

use gokku_tests::{App, Server, WorkingCopy};

/// Other branches and tags are stored, with a line that says how to deploy them.
#[test]
fn other_branches_and_tags_are_stored() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    dev.write_app("v2", &[]);
    dev.commit("v2");
    dev.git(["tag", "release-2"]).ok();
    for (refspec, told) in [
        ("main:feature", "git push <remote> feature:main"),
        ("release-2", "refs/tags/release-2 is stored"),
        (":feature", "is deleted; nothing is deployed"),
    ] {
        dev.push_to("production", &[refspec]).ok().says(told);
    }
    dev.push_to("production", &["main:one", "main:two"])
        .ok()
        .says("one is stored")
        .says("two is stored");
    assert_eq!(api.containers(), before);
    assert_eq!(api.version(), "v1");
    dev.push_to("production", &["main:refs/heads/main"]).ok();
    assert_eq!(api.version(), "v2");
}

/// The deploy branch cannot be deleted, neither alone nor with others.
#[test]
fn the_deploy_branch_is_not_deleted() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    dev.push_to("production", &[":main"])
        .rejected()
        .says("cannot be deleted");
    dev.git(["branch", "--move", "main", "trunk"]).ok();
    dev.push_to("production", &["--mirror"])
        .rejected()
        .says("cannot be deleted");
    assert_eq!(api.containers()[0].id, before[0].id);
    assert_eq!(refs(&api), ["refs/heads/main"]);
}

/// The refs of an app's repository.
fn refs(api: &App<'_>) -> Vec<String> {
    let listed = api.git(["for-each-ref", "--format=%(refname)"]).ok();
    listed.stdout.lines().map(str::to_owned).collect()
}

/// What comes with the deploy branch is stored with it, or nothing is: tags, other branches, deletions, push options.
#[test]
fn p53_refs_that_come_along_are_stored_with_the_deploy() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.commit("v1");
    dev.git(["tag", "--annotate", "-m", "one", "v1"]).ok();
    dev.git(["config", "push.followTags", "true"]).ok();
    dev.git(["config", "push.pushOption", "ci.skip"]).ok();
    dev.push().ok().says("refs/tags/v1 is stored");
    assert_eq!(api.version(), "v1");
    assert_eq!(refs(&api), ["refs/heads/main", "refs/tags/v1"]);

    // A deploy that fails leaves nothing of what came with it.
    dev.write_app("v2", &["health-status=500"]);
    dev.commit("v2");
    dev.git(["tag", "--annotate", "-m", "two", "v2"]).ok();
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    dev.push_to("production", &["--atomic", "main", "main:other"])
        .rejected()
        .says("failed: the new release did not pass its health check");
    assert_eq!(refs(&api), ["refs/heads/main", "refs/tags/v1"]);

    dev.write_app("v3", &[]);
    dev.commit("v3");
    for (args, stored) in [
        (&["--atomic", "main", "main:other"][..], "refs/heads/other"),
        (&["--tags", "main", "main:third"][..], "refs/heads/third"),
    ] {
        dev.commit("more");
        dev.push_to("production", args).ok();
        assert_eq!(api.version(), "v3");
        assert!(refs(&api).contains(&stored.to_owned()), "{:?}", refs(&api));
    }
    // A mirror has what is here, and no more.
    dev.commit("last");
    dev.git(["branch", "here"]).ok();
    dev.push_to("production", &["--mirror"])
        .ok()
        .says("refs/heads/other is deleted");
    let mut there = refs(&api);
    there.retain(|name| !name.starts_with("refs/remotes/"));
    let here = [
        "refs/heads/here",
        "refs/heads/main",
        "refs/tags/v1",
        "refs/tags/v2",
    ];
    assert_eq!(there, here);
}

/// The first pushed of main and master is the deploy branch, where `gokku.yml` does not say.
#[test]
fn the_first_pushed_of_main_and_master_deploys() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.commit("v1");
    dev.push_to("production", &["main:dev"]).ok().says("stored");
    dev.push_to("production", &["main:master"]).ok();
    assert_eq!(api.version(), "v1");
    dev.write_app("v2", &[]);
    dev.commit("v2");
    dev.push_to("production", &["main:main"]).ok().says("main:master");
    assert_eq!(api.version(), "v1");
    // A clone gets the branch that is deployed.
    let clone = WorkingCopy::new(&server);
    let head = clone
        .git([
            "ls-remote",
            "--symref",
            api.repository().to_str().unwrap(),
            "HEAD",
        ])
        .ok();
    assert!(head.stdout.contains("ref: refs/heads/master"), "{head}");
}

/// `environments[].branch` names it.
#[test]
fn gokku_yml_names_the_deploy_branch() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    let yml = format!(
        "apps:\n  {}:\n    ports: [\"{}:8080\"]\n    environments:\n      - name: production\n        branch: live\n",
        api.name(),
        api.port()
    );
    dev.write("gokku.yml", yml);
    dev.commit("v1");
    dev.push_to("production", &["main"]).ok().says("main:live");
    assert_eq!(api.containers(), []);
    dev.push_to("production", &["main:live"]).ok();
    assert_eq!(api.version(), "v1");
}

/// A forced push of another history deploys like any other.
#[test]
fn a_forced_push_deploys() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &[]);
    dev.git(["commit", "--quiet", "--all", "--amend", "-m", "v2"])
        .ok();
    dev.push().rejected();
    assert_eq!(api.version(), "v1");
    dev.push_to("production", &["+main"]).ok();
    assert_eq!(api.version(), "v2");
}

/// A shallow clone, as build servers make them, can deploy like any other; whole histories can follow.
#[test]
fn a_shallow_clone_deploys() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.commit("one");
    dev.commit("two");
    let shallow = dev.shallow_clone();
    shallow.push().ok();
    assert_eq!(api.version(), "v1");
    shallow.write_app("v2", &[]);
    shallow.commit("three");
    shallow.push().ok();
    assert_eq!(api.version(), "v2");
    dev.write_app("v3", &[]);
    dev.commit("another three");
    dev.push_to("production", &["+main"]).ok();
    assert_eq!(api.version(), "v3");
}

/// Code that is not in the push cannot be built: submodules and LFS pointers are refused, by name.
#[test]
fn submodules_and_lfs_pointers_are_refused_by_name() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write(
        "big.bin",
        "version https://git-lfs.github.com/spec/v1\n\
         oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
    );
    dev.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    dev.commit("a pointer");
    let push = dev.push().rejected().says("big.bin").says("LFS");
    assert!(!push.output.contains("Building"), "{push}");
    // What the build does not see may be one.
    dev.write(".dockerignore", "*.bin\n");
    dev.commit("left out");
    dev.push().ok();
    let head = dev.git(["rev-parse", "HEAD"]).ok();
    let entry = format!("160000,{},vendor/lib", head.line());
    dev.git(["update-index", "--add", "--cacheinfo", &entry]).ok();
    dev.git(["commit", "--quiet", "-m", "a submodule"]).ok();
    let push = dev.push().rejected().says("vendor/lib").says("submodule");
    assert!(!push.output.contains("Building"), "{push}");
    assert_eq!(api.version(), "v1");
}
