//! What git tells a hook: every line is understood or refused, and a push is judged by all of them.

use gokku_core::app::branch_name::BranchName;
use gokku_core::push::rules::{DeployBranch, Judgement, MOST_REFS, RefUpdate, Refusal, judge, updates};

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
        Ok(Judgement::Deploy(deploy)) => {
            let commit = deploy.commit();
            assert!(!commit.is_zero() && of(&deploy.branch) == deploy.refs.first());
            // What comes with it is stored, and spoken of.
            assert_eq!(deploy.refs.len(), updates.len());
            assert!(updates.iter().all(|update| deploy.refs.contains(update)));
            assert_eq!(deploy.lines.len() + 1, updates.len());
            for line in &deploy.lines {
                crate::assert_is_a_line(line);
            }
            match deploys {
                DeployBranch::Known(known) => assert_eq!(deploy.branch, *known),
                DeployBranch::FirstPushed => assert!(["main", "master"].contains(&deploy.branch.as_str())),
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
                Refusal::TooManyRefs { branch, others } => {
                    assert!(of(branch).is_some() && *others > MOST_REFS);
                }
                other => panic!("nobody has looked at the branch: {other:?}"),
            }
        }
    }
}
