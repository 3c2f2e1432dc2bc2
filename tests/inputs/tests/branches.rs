//! What is taken as a branch's name, asked of git itself.

use std::process::Command;

use gokku_core::app::branch_name::BranchName;

#[test]
fn no_branch_is_taken_that_git_would_not_take() {
    let names = super::corpus("names");
    let taken: Vec<BranchName> = names
        .iter()
        .filter_map(|(_, name)| std::str::from_utf8(name).ok()?.parse().ok())
        .collect();
    assert!(taken.len() >= 10, "{taken:?}");
    for name in taken {
        let status = Command::new("git")
            .args(["check-ref-format", &name.full()])
            .status()
            .expect("git runs");
        assert!(status.success(), "{name:?} is no branch's name to git");
    }
}
