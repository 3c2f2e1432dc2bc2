//! What can go wrong where containers run, by what it means to whoever asked; the engine's own words stay with it.

/// What the engine itself said.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why something was not done. Shown, it is its source's words. Never has an env value in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such container, image or network.
    #[error(transparent)]
    NotFound(Source),
    /// A name or state stands in the way.
    #[error(transparent)]
    Conflict(Source),
    /// It did not answer in time: it is not known what became of what was asked, it may be done yet.
    #[error(transparent)]
    Silent(Source),
    /// Nobody is there who could be asked.
    #[error(transparent)]
    Unavailable(Source),
    /// A registry refused; its words.
    #[error("the registry refused: {0}")]
    Denied(String),
    /// It was refused, or went wrong.
    #[error(transparent)]
    Failed(Source),
}

impl Error {
    /// Returns whether it is not known what became of what was asked.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silent(_))
    }

    /// Returns whether the thing asked for is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}
