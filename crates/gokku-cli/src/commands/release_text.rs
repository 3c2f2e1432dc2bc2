//! Short texts for a release's commit and image, as more than one command shows them.

/// Returns the first characters of a commit's id.
pub(super) fn short_commit(commit: Option<&String>) -> String {
    commit.map_or_else(
        || "-".to_owned(),
        |commit| commit.get(..7).unwrap_or(commit).to_owned(),
    )
}

/// Returns what was pulled, and what that meant then: `ghcr.io/me/app:1 (sha256:0123456789ab)`.
pub(super) fn pulled_image(image: Option<&String>, digest: Option<&String>) -> Option<String> {
    /// `sha256:` and the twelve characters that ids are shortened to.
    const SHOWN: usize = 19;
    let image = image?;
    let digest = digest.and_then(|digest| digest.split_once('@')?.1.get(..SHOWN));
    Some(match digest {
        // One that was asked for by its digest says it already.
        Some(digest) if !image.contains('@') => format!("{image} ({digest})"),
        _ => image.clone(),
    })
}
