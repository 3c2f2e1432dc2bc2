//! What a push may do, judged before any work: which ref deploys, which are stored, which are refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, CommitIdError};

/// A branch's name, without `refs/heads/`; by the rules of git-check-ref-format(1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

/// Why a text is not a branch's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a branch's name")]
pub struct BranchNameError(pub String);

impl BranchName {
    /// `main`.
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with `refs/heads/` before it.
    pub fn full(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl FromStr for BranchName {
    type Err = BranchNameError;

    fn from_str(name: &str) -> Result<Self, BranchNameError> {
        let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let part_is_good = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.rsplit_once('.').is_none_or(|(_, end)| end != "lock")
        };
        let good = !name.contains(odd)
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@"
            && !name.starts_with('-')
            && !name.ends_with('.')
            && name.split('/').all(part_is_good);
        if good {
            Ok(Self(name.to_owned()))
        } else {
            Err(BranchNameError(name.to_owned()))
        }
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for BranchName {
    type Error = BranchNameError;

    fn try_from(name: String) -> Result<Self, BranchNameError> {
        name.parse()
    }
}

impl From<BranchName> for String {
    fn from(name: BranchName) -> Self {
        name.0
    }
}

/// One line of what git gives a pre-receive hook, `<old> <new> <ref>`; see githooks(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// What the ref pointed at; zeros when it is new.
    pub old: CommitId,
    /// What it is to point at; zeros when it is deleted.
    pub new: CommitId,
    /// The ref's full name.
    pub name: String,
}

/// A line that git would not have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefUpdateError {
    /// Not three words.
    #[error("{0:?} is not `<old> <new> <ref>`: only git runs this hook")]
    Shape(String),
    /// An id that is none.
    #[error(transparent)]
    Id(#[from] CommitIdError),
    /// A ref whose name is not UTF-8, which git allows.
    #[error("the name of {0:?} is not UTF-8: rename it and push again")]
    NotUtf8(String),
}

/// Everything that git gives a pre-receive hook.
pub fn updates(told: &[u8]) -> Result<Vec<RefUpdate>, RefUpdateError> {
    let whole = told.strip_suffix(b"\n").unwrap_or(told);
    if whole.is_empty() {
        return Ok(Vec::new());
    }
    let update = |line| match std::str::from_utf8(line) {
        Ok(line) => line.parse(),
        Err(_) => Err(RefUpdateError::NotUtf8(
            String::from_utf8_lossy(line).into_owned(),
        )),
    };
    whole.split(|byte| *byte == b'\n').map(update).collect()
}

impl FromStr for RefUpdate {
    type Err = RefUpdateError;

    fn from_str(line: &str) -> Result<Self, RefUpdateError> {
        let odd = |c: char| c.is_control() || c == ' ';
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(old), Some(new), Some(name)) if name.starts_with("refs/") && !name.contains(odd) => {
                Ok(Self {
                    old: old.parse()?,
                    new: new.parse()?,
                    name: name.to_owned(),
                })
            }
            _ => Err(RefUpdateError::Shape(line.to_owned())),
        }
    }
}

impl RefUpdate {
    fn branch(&self) -> Option<BranchName> {
        self.name
            .strip_prefix("refs/heads/")
            .and_then(|name| name.parse().ok())
    }
}

/// Which branch deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployBranch {
    /// This one.
    Known(BranchName),
    /// The app has had no push yet: the first of `main` and `master` that is pushed.
    FirstPushed,
}

/// What becomes of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// This commit is deployed.
    Deploy {
        /// What.
        commit: CommitId,
        /// The branch it was pushed to.
        branch: BranchName,
        /// What the branch was when the push began; none when it was not there.
        old: Option<CommitId>,
    },
    /// Nothing is deployed.
    StoreOnly {
        /// What to tell the pusher.
        lines: Vec<String>,
    },
}

/// Why a push is refused before any work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The deploy branch is deleted.
    #[error(
        "{0} is the branch this app is deployed from and cannot be deleted; `gokku apps destroy` removes the app"
    )]
    DeletesDeployBranch(BranchName),
    /// The deploy branch and others at once.
    #[error(
        "{branch} is to be deployed, and came with others ({others}); push it alone: git push <remote> {branch}"
    )]
    SeveralRefs {
        /// The deploy branch.
        branch: BranchName,
        /// How many others there are.
        others: usize,
    },
    /// Another push moved the branch while this one was on its way.
    #[error(
        "{branch} has moved to {} since this push began: push again, after `git pull` if git asks for it. Nothing of this push was deployed", now.short()
    )]
    Moved {
        /// The branch.
        branch: BranchName,
        /// What it is now.
        now: CommitId,
    },
    /// Another push brought the same commit.
    #[error("{branch} is at {} already: another push brought it, and there is nothing left to push", now.short())]
    There {
        /// The branch.
        branch: BranchName,
        /// What it is.
        now: CommitId,
    },
    /// Somebody removed the branch while the push was on its way.
    #[error("{0} was removed on the server since this push began: push again")]
    Gone(BranchName),
}

/// P14: whether git can still move the branch for this push, which it would refuse after the deploy otherwise: the
/// branch must be `now` what it was when the push began.
pub fn check_unmoved(
    branch: &BranchName,
    old: Option<&CommitId>,
    new: &CommitId,
    now: Option<&CommitId>,
) -> Result<(), Refusal> {
    let branch = branch.clone();
    match now.cloned() {
        now if now.as_ref() == old => Ok(()),
        Some(now) if now == *new => Err(Refusal::There { branch, now }),
        Some(now) => Err(Refusal::Moved { branch, now }),
        None => Err(Refusal::Gone(branch)),
    }
}

/// Judges a push.
pub fn judge(updates: &[RefUpdate], deploys: &DeployBranch) -> Result<Judgement, Refusal> {
    let branch = match deploys {
        DeployBranch::Known(branch) => branch.clone(),
        DeployBranch::FirstPushed => updates
            .iter()
            .filter(|update| !update.new.is_zero())
            .filter_map(RefUpdate::branch)
            .find(|branch| matches!(branch.as_str(), "main" | "master"))
            .unwrap_or_else(BranchName::main),
    };
    let full = branch.full();
    match updates.iter().find(|update| update.name == full) {
        Some(update) if update.new.is_zero() => Err(Refusal::DeletesDeployBranch(branch)),
        Some(_) if updates.len() > 1 => Err(Refusal::SeveralRefs {
            branch,
            others: updates.len() - 1,
        }),
        Some(update) => Ok(Judgement::Deploy {
            commit: update.new.clone(),
            branch,
            old: Some(update.old.clone()).filter(|old| !old.is_zero()),
        }),
        None => Ok(Judgement::StoreOnly {
            lines: updates.iter().map(|update| stored(update, &branch)).collect(),
        }),
    }
}

fn stored(update: &RefUpdate, deploys: &BranchName) -> String {
    if update.new.is_zero() {
        return format!("{} is deleted; nothing is deployed", update.name);
    }
    match update.branch() {
        Some(branch) => format!(
            "{branch} is stored and not deployed: {deploys} is the branch that is. To deploy it: git push <remote> {branch}:{deploys}"
        ),
        None => format!(
            "{} is stored and not deployed: pushes to the branch {deploys} are",
            update.name
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000";
    const ONE: &str = "1111111111111111111111111111111111111111";

    fn push(refs: &[(&str, &str)], deploys: &DeployBranch) -> String {
        let updates: Vec<RefUpdate> = refs
            .iter()
            .map(|(new, name)| format!("{ZERO} {new} {name}").parse().unwrap())
            .collect();
        match judge(&updates, deploys) {
            Ok(Judgement::Deploy { branch, commit, .. }) => format!("deploys {} of {branch}", commit.short()),
            Ok(Judgement::StoreOnly { lines }) => lines.join("\n"),
            Err(refusal) => format!("refused: {refusal}"),
        }
    }

    #[test]
    fn every_kind_of_push() {
        let main = DeployBranch::Known(BranchName::main());
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/main")], &main), @"deploys 1111111 of main");
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/feature")], &main), @"feature is stored and not deployed: main is the branch that is. To deploy it: git push <remote> feature:main");
        insta::assert_snapshot!(push(&[(ONE, "refs/tags/v1")], &main), @"refs/tags/v1 is stored and not deployed: pushes to the branch main are");
        insta::assert_snapshot!(push(&[(ZERO, "refs/heads/old")], &main), @"refs/heads/old is deleted; nothing is deployed");
        insta::assert_snapshot!(push(&[(ZERO, "refs/heads/main")], &main), @"refused: main is the branch this app is deployed from and cannot be deleted; `gokku apps destroy` removes the app");
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/main"), (ONE, "refs/tags/v1")], &main), @"refused: main is to be deployed, and came with others (1); push it alone: git push <remote> main");
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/a"), (ONE, "refs/heads/b")], &main), @r"
        a is stored and not deployed: main is the branch that is. To deploy it: git push <remote> a:main
        b is stored and not deployed: main is the branch that is. To deploy it: git push <remote> b:main
        ");
        let first = DeployBranch::FirstPushed;
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/master")], &first), @"deploys 1111111 of master");
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/main")], &first), @"deploys 1111111 of main");
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/dev")], &first), @"dev is stored and not deployed: main is the branch that is. To deploy it: git push <remote> dev:main");
    }

    #[test]
    fn a_branch_that_has_moved_is_told() {
        let main = BranchName::main();
        let [one, two, three] = ["1", "2", "3"].map(|digit| digit.repeat(40).parse::<CommitId>().unwrap());
        let told = |old: Option<&CommitId>, now: Option<&CommitId>| match check_unmoved(&main, old, &two, now)
        {
            Ok(()) => "goes on".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        assert_eq!(told(None, None), "goes on");
        assert_eq!(told(Some(&one), Some(&one)), "goes on");
        insta::assert_snapshot!(told(Some(&one), Some(&three)), @"main has moved to 3333333 since this push began: push again, after `git pull` if git asks for it. Nothing of this push was deployed");
        insta::assert_snapshot!(told(None, Some(&three)), @"main has moved to 3333333 since this push began: push again, after `git pull` if git asks for it. Nothing of this push was deployed");
        insta::assert_snapshot!(told(Some(&one), Some(&two)), @"main is at 2222222 already: another push brought it, and there is nothing left to push");
        insta::assert_snapshot!(told(Some(&one), None), @"main was removed on the server since this push began: push again");
    }

    #[test]
    fn only_git_writes_such_lines() {
        let whole = |name| format!("{ZERO} {ONE} {name}");
        for line in [
            "",
            "a b refs/x",
            "main",
            &whole("main"),
            &whole("refs/a b"),
            &whole("refs/a\r"),
        ] {
            assert!(line.parse::<RefUpdate>().is_err(), "{line}");
        }
        let two = format!("{}\n{}\n", whole("refs/heads/a"), whole("refs/heads/b"));
        assert_eq!(updates(two.as_bytes()).unwrap().len(), 2);
        assert_eq!(updates(b"").unwrap(), []);
        let mut latin = whole("refs/heads/caf").into_bytes();
        latin.extend(b"\xe9\n");
        assert!(matches!(updates(&latin), Err(RefUpdateError::NotUtf8(_))));
    }

    #[test]
    fn branch_names() {
        for good in ["main", "feature/x", "v1.2", "a-b_c", "ü"] {
            assert!(good.parse::<BranchName>().is_ok(), "{good}");
        }
        for bad in [
            "", "-x", "a b", "a..b", "/a", "a/", "a//b", ".a", "a.lock", "a@{b", "@", "a.", "a~", "a\n",
        ] {
            assert!(bad.parse::<BranchName>().is_err(), "{bad}");
        }
    }
}
