//! What git tells a hook: every line is understood or refused, and a push is judged by all of them.

use gokku_core::push::{BranchName, DeployBranch, Judgement, RefUpdate, Refusal, judge, updates};

/// Checks what a hook is given.
pub fn check(data: &[u8]) {
    let updates = match updates(data) {
        Ok(updates) => updates,
        Err(error) => return crate::assert_is_a_line(&error.to_string()),
    };
    let lines: Vec<String> = updates
        .iter()
        .map(|update| format!("{} {} {}", update.old, update.new, update.name))
        .collect();
    let whole = data.strip_suffix(b"\n").unwrap_or(data);
    assert_eq!(lines.join("\n").as_bytes(), whole);

    judged(&updates, &DeployBranch::FirstPushed);
    judged(&updates, &DeployBranch::Known(BranchName::main()));
    for update in updates.iter().take(4) {
        let name = update.name.strip_prefix("refs/heads/");
        if let Some(branch) = name.and_then(|name| name.parse().ok()) {
            judged(&updates, &DeployBranch::Known(branch));
        }
    }
}

fn judged(updates: &[RefUpdate], deploys: &DeployBranch) {
    let of = |branch: &BranchName| {
        updates
            .iter()
            .find(|update| update.name == format!("refs/heads/{branch}"))
    };
    match judge(updates, deploys) {
        Ok(Judgement::Deploy { commit, branch, .. }) => {
            let [update] = updates else {
                panic!("one of several is deployed")
            };
            assert!(!commit.is_zero() && update.new == commit && of(&branch) == Some(update));
            match deploys {
                DeployBranch::Known(known) => assert_eq!(branch, *known),
                DeployBranch::FirstPushed => assert!(["main", "master"].contains(&branch.as_str())),
            }
        }
        Ok(Judgement::StoreOnly { lines }) => {
            assert_eq!(lines.len(), updates.len(), "each ref is spoken of");
            for line in &lines {
                crate::assert_is_a_line(line);
            }
            assert!(!matches!(deploys, DeployBranch::Known(known) if of(known).is_some()));
        }
        Err(refusal) => {
            crate::assert_is_a_line(&refusal.to_string());
            match &refusal {
                Refusal::DeletesDeployBranch(branch) => {
                    assert!(of(branch).is_some_and(|update| update.new.is_zero()));
                }
                Refusal::SeveralRefs { branch, others } => {
                    assert!(of(branch).is_some() && others + 1 == updates.len());
                }
                other => panic!("nobody has looked at the branch: {other:?}"),
            }
        }
    }
}
