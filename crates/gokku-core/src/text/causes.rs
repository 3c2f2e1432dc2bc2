//! An error with everything behind it: its sources, one by one and in words.

use std::error::Error;

/// Iterates over an error and its sources.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// Returns an error's words, followed by those of its sources that they do not have in them already.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in error.source().into_iter().flat_map(chain) {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Layer {
        #[error("the inner one")]
        Inner,
        #[error("the middle one, because of {0}")]
        Repeating(#[source] Box<Layer>),
        #[error("the outer one")]
        Silent(#[source] Box<Layer>),
    }

    #[test]
    fn what_was_said_is_not_said_again() {
        let middle = Layer::Repeating(Box::new(Layer::Inner));
        assert_eq!(causes(&middle), "the middle one, because of the inner one");
        let outer = Layer::Silent(Box::new(middle));
        assert_eq!(chain(&outer).count(), 3);
        assert_eq!(
            causes(&outer),
            "the outer one: the middle one, because of the inner one"
        );
    }
}
