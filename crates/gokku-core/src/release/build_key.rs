//! What decides what a build makes, as one key: a release whose key an earlier one had needs no build of its own.
//!
//! A build can bring more in than its key knows: a base image that was updated under the same name, what the network
//! answers, another value of a build secret. That is what `gokku deploy --rebuild` is for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::ids::{ImageId, TreeId};
use crate::release::record::Record;
use crate::text::fingerprint::Fingerprint;

/// Everything that decides what a build makes. `gokku.yml`, the Dockerfile and `.dockerignore` are files of the tree;
/// what gokku makes of them is not, and changes with gokku.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The commit's files.
    pub tree: &'a TreeId,
    /// Where the Dockerfile is.
    pub dockerfile: &'a str,
    /// Its text, where the tree has none.
    pub generated: Option<&'a str>,
    /// The build arguments.
    pub args: &'a [(String, String)],
    /// The names of the build secrets; never their values.
    pub secrets: &'a [String],
}

/// What is the same for two builds that make the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BuildKey(String);

impl BuildKey {
    /// The key of a build.
    pub fn of(inputs: &Inputs<'_>) -> Self {
        let mut rest = Fingerprint::default();
        rest.add(inputs.dockerfile);
        rest.add_each(inputs.generated);
        rest.add_each(inputs.args.iter().flat_map(|(name, value)| [name, value]));
        rest.add_each(inputs.secrets);
        // The tree's id is git's, which nobody can bring two trees to share; the rest is the app's own.
        Self(format!("{}-{rest}", inputs.tree))
    }
}

impl fmt::Display for BuildKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The releases whose images are what a build with this key would make, the newest first. Whether such an image is
/// still there, the engine knows.
pub fn made_before<'a>(
    records: &'a [Record],
    key: &'a BuildKey,
) -> impl Iterator<Item = (&'a Record, &'a ImageId)> {
    records
        .iter()
        .rev()
        .filter(move |record| record.can_return() && record.build.as_ref() == Some(key))
        .filter_map(|record| Some((record, record.image.as_ref()?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::app::release_id::ReleaseId;
    use crate::release::record::Outcome;

    fn text(word: &str) -> String {
        word.to_owned()
    }

    #[test]
    fn whatever_decides_the_build_is_in_the_key() {
        let (tree, other_tree) = (TreeId::new("a".repeat(40)), TreeId::new("b".repeat(40)));
        let args = [(text("A"), text("B"))];
        let inputs = Inputs {
            tree: &tree,
            dockerfile: "Dockerfile",
            generated: None,
            args: &[],
            secrets: &[],
        };
        let all = [
            inputs,
            Inputs {
                tree: &other_tree,
                ..inputs
            },
            Inputs {
                dockerfile: "web/Dockerfile",
                ..inputs
            },
            Inputs {
                generated: Some(""),
                ..inputs
            },
            Inputs {
                generated: Some("FROM scratch\n"),
                ..inputs
            },
            Inputs {
                args: &args,
                ..inputs
            },
            Inputs {
                args: &[(text("A"), text("C"))],
                ..inputs
            },
            Inputs {
                args: &[(text("AB"), text(""))],
                ..inputs
            },
            Inputs {
                secrets: &[text("A"), text("B")],
                ..inputs
            },
            Inputs {
                secrets: &[text("A")],
                ..inputs
            },
        ];
        let keys: Vec<BuildKey> = all.iter().map(BuildKey::of).collect();
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(*key, BuildKey::of(&all[at]));
            assert!(!keys[..at].contains(key), "{:?}", all[at]);
        }
        assert!(keys[0].to_string().starts_with(tree.as_str()));
    }

    #[test]
    fn the_newest_good_release_with_an_image_and_the_same_key_comes_first() {
        let key = |word: &str| BuildKey(text(word));
        let record = |seconds, build: Option<&str>, image: Option<&str>, outcome| Record {
            image: image.map(ImageId::new),
            build: build.map(key),
            outcome,
            ..Record::begun(ReleaseId::at(seconds))
        };
        let records = [
            record(1, Some("same"), Some("one"), Outcome::Good),
            record(2, Some("same"), Some("two"), Outcome::Good),
            record(3, Some("other"), Some("three"), Outcome::Good),
            // From before there were keys.
            record(4, None, Some("four"), Outcome::Good),
            record(5, Some("same"), None, Outcome::Pruned),
            record(6, Some("same"), Some("six"), Outcome::Failed),
            record(7, Some("same"), None, Outcome::Unfinished),
        ];
        let same = key("same");
        let found = made_before(&records, &same).map(|(record, image)| (record.id, image.as_str()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [(ReleaseId::at(2), "two"), (ReleaseId::at(1), "one")]
        );
        assert_eq!(made_before(&records, &key("none")).count(), 0);
    }
}
