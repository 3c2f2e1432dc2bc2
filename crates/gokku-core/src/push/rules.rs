//! What a push may do, judged before any work: which ref deploys, which are stored, which are refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::app::branch_name::BranchName;
use crate::app::ids::{CommitId, CommitIdError};

/// What a push wants of one ref, as git tells its hooks: `<old> <new> <ref>`, see githooks(5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefUpdate {
    /// What the ref pointed at; zeros when it is new. Of a tag it may be another object than a commit.
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

impl fmt::Display for RefUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.old, self.new, self.name)
    }
}

impl RefUpdate {
    /// The branch, where it is one.
    pub fn branch(&self) -> Option<BranchName> {
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
    /// A commit is deployed, and what came with it is stored: all of it, or nothing.
    Deploy(Deploy),
    /// Nothing is deployed.
    StoreOnly {
        /// What to tell the pusher.
        lines: Vec<String>,
    },
}

/// A push that deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploy {
    /// The branch it was pushed to.
    pub branch: BranchName,
    /// What the push wants of each ref: the deploy branch first.
    pub refs: Vec<RefUpdate>,
    /// What to tell the pusher of the others.
    pub lines: Vec<String>,
}

impl Deploy {
    /// What is deployed.
    pub fn commit(&self) -> &CommitId {
        &self.refs[0].new
    }

    /// What the branch was when the push began; none when it was not there.
    pub fn old(&self) -> Option<&CommitId> {
        Some(&self.refs[0].old).filter(|old| !old.is_zero())
    }
}

/// How many refs may come with a deploy branch: each is in the transition's journal, which is written several times.
pub const MOST_REFS: usize = 10_000;

/// Why a push is refused before any work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The deploy branch is deleted.
    #[error(
        "{0} is the branch this app is deployed from and cannot be deleted; `gokku apps destroy` removes the app"
    )]
    DeletesDeployBranch(BranchName),
    /// More refs than a transition can move.
    #[error(
        "{branch} is to be deployed, and came with {others} other refs, which are too many for one push (at most {MOST_REFS}): push it alone: git push <remote> {branch}"
    )]
    TooManyRefs {
        /// The deploy branch.
        branch: BranchName,
        /// How many others there are.
        others: usize,
    },
    /// Something that is no commit, to the deploy branch.
    #[error("{branch} cannot be deployed from {}", object.words(branch))]
    NoCommit {
        /// The deploy branch.
        branch: BranchName,
        /// What was pushed to it.
        object: NoCommit,
    },
    /// The server's own rule for a ref, in the repository's configuration.
    #[error("{name} cannot be {}: the repository on the server has {rule}=true in its config", rule.what())]
    Denied {
        /// The ref.
        name: String,
        /// The rule.
        rule: Rule,
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

/// A git object that is no commit, and so cannot be what a branch points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCommit {
    /// An annotated tag.
    Tag {
        /// What it is called.
        name: String,
        /// Whether there is a commit behind it: none behind a tag of a tree or a file.
        has_commit: bool,
    },
    /// A directory of files without a commit.
    Tree,
    /// The content of one file.
    Blob,
}

impl NoCommit {
    fn words(&self, branch: &BranchName) -> String {
        match self {
            Self::Tag {
                name,
                has_commit: true,
            } => format!(
                "the annotated tag {name} itself: push the commit that it points at, git push <remote> '{name}^{{}}:{branch}'"
            ),
            Self::Tag { name, .. } => {
                format!("the annotated tag {name}, which points at no commit: push a commit")
            }
            Self::Tree => "a tree (files without a commit): push a commit".to_owned(),
            Self::Blob => "a blob (the content of one file): push a commit".to_owned(),
        }
    }
}

/// What a repository's configuration can forbid, git-config(1): `receive.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Pushes that leave commits out which the branch had.
    NonFastForwards,
    /// Refs that are deleted.
    Deletes,
}

impl Rule {
    fn what(self) -> &'static str {
        match self {
            Self::NonFastForwards => "moved to another history",
            Self::Deletes => "deleted",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NonFastForwards => "receive.denyNonFastForwards",
            Self::Deletes => "receive.denyDeletes",
        })
    }
}

/// P14: whether git can still move the branch for this push: the branch must be `now` what it was when the push began.
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

/// The branch that a push deploys, where each pushed branch's own `gokku.yml` may say which one that is: `declared` has
/// the pushed branches with what theirs says, `before` what deployed until now.
///
/// A branch that calls itself the deploy branch is it; of several the one that was it before. Where none does, what the
/// former deploy branch says counts, if it was pushed, or else what the only one says.
pub fn deploy_branch(before: DeployBranch, declared: &[(BranchName, Option<BranchName>)]) -> DeployBranch {
    let is_before = |branch: &BranchName| matches!(&before, DeployBranch::Known(known) if known == branch);
    let calls_itself = |(branch, says): &&(BranchName, Option<BranchName>)| says.as_ref() == Some(branch);
    let themselves: Vec<_> = declared.iter().filter(calls_itself).collect();
    let chosen = themselves
        .iter()
        .find(|(branch, _)| is_before(branch))
        .or(themselves.first())
        .copied()
        .or_else(|| declared.iter().find(|(branch, _)| is_before(branch)));
    let only = match declared {
        [only] => Some(only),
        _ => None,
    };
    let says = chosen.or(only).and_then(|(_, says)| says.clone());
    says.map_or(before, DeployBranch::Known)
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
    let (deployed, others): (Vec<&RefUpdate>, Vec<&RefUpdate>) =
        updates.iter().partition(|update| update.name == full);
    let lines = others.iter().map(|update| stored(update, &branch)).collect();
    match deployed.first() {
        Some(update) if update.new.is_zero() => Err(Refusal::DeletesDeployBranch(branch)),
        Some(_) if others.len() > MOST_REFS => Err(Refusal::TooManyRefs {
            branch,
            others: others.len(),
        }),
        Some(update) => Ok(Judgement::Deploy(Deploy {
            branch,
            refs: std::iter::once(*update).chain(others).cloned().collect(),
            lines,
        })),
        None => Ok(Judgement::StoreOnly { lines }),
    }
}

fn stored(update: &RefUpdate, deploys: &BranchName) -> String {
    if update.new.is_zero() {
        return format!("{} is deleted; nothing is deployed for it", update.name);
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
            Ok(Judgement::Deploy(deploy)) => {
                let mut told = vec![format!(
                    "deploys {} of {}",
                    deploy.commit().short(),
                    deploy.branch
                )];
                assert_eq!(deploy.refs.len(), refs.len());
                told.extend(deploy.lines);
                told.join("\n")
            }
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
        insta::assert_snapshot!(push(&[(ZERO, "refs/heads/old")], &main), @"refs/heads/old is deleted; nothing is deployed for it");
        insta::assert_snapshot!(push(&[(ZERO, "refs/heads/main")], &main), @"refused: main is the branch this app is deployed from and cannot be deleted; `gokku apps destroy` removes the app");
        insta::assert_snapshot!(push(&[(ONE, "refs/heads/main"), (ONE, "refs/tags/v1")], &main), @r"
        deploys 1111111 of main
        refs/tags/v1 is stored and not deployed: pushes to the branch main are
        ");
        insta::assert_snapshot!(push(&[(ZERO, "refs/heads/old"), (ONE, "refs/heads/main")], &main), @r"
        deploys 1111111 of main
        refs/heads/old is deleted; nothing is deployed for it
        ");
        let many: Vec<(&str, String)> = (0..=MOST_REFS)
            .map(|number| (ONE, format!("refs/tags/{number}")))
            .collect();
        let mut many: Vec<(&str, &str)> = many.iter().map(|(new, name)| (*new, name.as_str())).collect();
        many.push((ONE, "refs/heads/main"));
        insta::assert_snapshot!(push(&many, &main), @"refused: main is to be deployed, and came with 10001 other refs, which are too many for one push (at most 10000): push it alone: git push <remote> main");
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
    fn what_is_no_commit_is_told_with_what_to_type() {
        let told = |object| {
            Refusal::NoCommit {
                branch: BranchName::main(),
                object,
            }
            .to_string()
        };
        let tag = |has_commit| NoCommit::Tag {
            name: "v1".to_owned(),
            has_commit,
        };
        insta::assert_snapshot!(told(tag(true)), @"main cannot be deployed from the annotated tag v1 itself: push the commit that it points at, git push <remote> 'v1^{}:main'");
        insta::assert_snapshot!(told(tag(false)), @"main cannot be deployed from the annotated tag v1, which points at no commit: push a commit");
        insta::assert_snapshot!(told(NoCommit::Tree), @"main cannot be deployed from a tree (files without a commit): push a commit");
        insta::assert_snapshot!(told(NoCommit::Blob), @"main cannot be deployed from a blob (the content of one file): push a commit");
    }

    #[test]
    fn what_the_repository_forbids_is_told_with_its_rule() {
        let told = |rule| {
            let name = "refs/heads/main".to_owned();
            Refusal::Denied { name, rule }.to_string()
        };
        insta::assert_snapshot!(told(Rule::NonFastForwards), @"refs/heads/main cannot be moved to another history: the repository on the server has receive.denyNonFastForwards=true in its config");
        insta::assert_snapshot!(told(Rule::Deletes), @"refs/heads/main cannot be deleted: the repository on the server has receive.denyDeletes=true in its config");
    }

    /// Which branch deploys, where several come: `branch` or `branch=what its gokku.yml says`.
    #[test]
    fn the_deploy_branch_of_several() {
        let branch = |name: &str| name.parse::<BranchName>().unwrap();
        for (before, pushed, deploys) in [
            ("", "main", ""),
            ("", "main=main", "main"),
            ("", "main=live", "live"),
            ("main", "main", "main"),
            ("main", "main=live", "live"),
            ("main", "feature=live", "live"),
            // Of several, the one that says so itself.
            ("main", "main=live live=live", "live"),
            ("main", "feature=live main", "main"),
            ("main", "feature=live main=main", "main"),
            ("main", "a=a main=main", "main"),
            ("main", "a=a b=b", "a"),
            ("", "a=a main", "a"),
            ("", "a=b main", ""),
            ("main", "", "main"),
        ] {
            let known = |name: &str| match name {
                "" => DeployBranch::FirstPushed,
                name => DeployBranch::Known(branch(name)),
            };
            let declared: Vec<_> = pushed
                .split_whitespace()
                .map(|one| match one.split_once('=') {
                    Some((name, says)) => (branch(name), Some(branch(says))),
                    None => (branch(one), None),
                })
                .collect();
            assert_eq!(
                deploy_branch(known(before), &declared),
                known(deploys),
                "{before:?} {pushed:?}"
            );
        }
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
