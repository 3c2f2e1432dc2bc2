//! Which version was routed when, as a client can know it from outside, and which answers contradict that.
//!
//! A change of version happens at one moment between its begin (a push is started) and its end (the push has
//! returned). So an answer is astray when its version was routed at no moment between the request's sending and
//! the answer's head. And because the change is *one* moment, no request that was sent after the new version's
//! first answer had arrived may be answered by the old one.

use std::time::Instant;

use super::Answered;

/// The versions in the order they were routed.
#[derive(Clone, Debug)]
pub struct Timeline {
    first: String,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    to: String,
    began: Instant,
    ended: Instant,
}

impl Timeline {
    /// Begins with the version that is routed before any change.
    pub fn new(version: &str) -> Self {
        Self {
            first: version.to_owned(),
            changes: Vec::new(),
        }
    }

    /// Does what routes another version. If it fails, it must panic: only changes that happened belong here.
    pub fn change<T>(&mut self, to: &str, act: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = act();
        self.changes.push(Change {
            to: to.to_owned(),
            began,
            ended: Instant::now(),
        });
        done
    }

    /// The answers that cannot be, in words.
    pub fn astray(&self, answers: &[Answered]) -> Vec<String> {
        let unrouted = answers
            .iter()
            .filter(|answer| !self.may_answer(answer))
            .map(|answer| {
                let lasted = answer.head_at.duration_since(answer.sent_at).as_millis();
                format!(
                    "{:?} was answered by {}, which was not routed in the {lasted} ms it took",
                    answer.kind, answer.version
                )
            });
        unrouted.chain(self.changes_back(answers)).collect()
    }

    fn may_answer(&self, answer: &Answered) -> bool {
        let starts = std::iter::once((&self.first, None))
            .chain(self.changes.iter().map(|change| (&change.to, Some(change.began))));
        let ends = self.changes.iter().map(|change| Some(change.ended)).chain([None]);
        starts.zip(ends).any(|((version, from), until)| {
            *version == answer.version
                && from.is_none_or(|from| answer.head_at >= from)
                && until.is_none_or(|until| answer.sent_at <= until)
        })
    }

    /// Changes in which a request was answered by the old version although it was sent after the new one had
    /// already answered. Only requests that were sent during the change say anything of it.
    fn changes_back<'a>(&'a self, answers: &'a [Answered]) -> impl Iterator<Item = String> + 'a {
        let from = std::iter::once(&self.first).chain(self.changes.iter().map(|change| &change.to));
        from.zip(&self.changes)
            .filter(|(from, change)| **from != change.to)
            .filter_map(|(from, change)| {
                let within = |answer: &&Answered| (change.began..=change.ended).contains(&answer.sent_at);
                let of = |version: &'a str| {
                    answers
                        .iter()
                        .filter(within)
                        .filter(move |answer| answer.version == version)
                };
                let first_new = of(&change.to).map(|answer| answer.head_at).min()?;
                let last_old = of(from).map(|answer| answer.sent_at).max()?;
                let late = last_old
                    .checked_duration_since(first_new)
                    .filter(|late| !late.is_zero())?;
                Some(format!(
                    "{from} answered a request that was sent {} ms after {} had answered",
                    late.as_secs_f64() * 1000.0,
                    change.to
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Kind;

    /// v1, changed to v2 between 10 and 20.
    fn timeline(zero: Instant) -> Timeline {
        let at = |ms| zero + Duration::from_millis(ms);
        let change = Change {
            to: "v2".to_owned(),
            began: at(10),
            ended: at(20),
        };
        Timeline {
            first: "v1".to_owned(),
            changes: vec![change],
        }
    }

    fn answer(zero: Instant, version: &str, sent: u64, head: u64) -> Answered {
        let at = |ms| zero + Duration::from_millis(ms);
        Answered {
            kind: Kind::Fresh,
            version: version.to_owned(),
            sent_at: at(sent),
            head_at: at(head),
        }
    }

    #[test]
    fn answers_of_what_was_routed_are_fine() {
        let zero = Instant::now();
        let fine = [
            answer(zero, "v1", 1, 2),
            answer(zero, "v1", 12, 30),
            answer(zero, "v2", 5, 16),
            answer(zero, "v2", 16, 17),
            answer(zero, "v2", 25, 26),
        ];
        assert_eq!(timeline(zero).astray(&fine), [""; 0]);
    }

    #[test]
    fn an_answer_of_the_old_version_after_the_change_is_astray() {
        let zero = Instant::now();
        assert_eq!(timeline(zero).astray(&[answer(zero, "v1", 21, 22)]).len(), 1);
    }

    #[test]
    fn an_answer_of_the_new_version_before_the_change_is_astray() {
        let zero = Instant::now();
        assert_eq!(timeline(zero).astray(&[answer(zero, "v2", 1, 9)]).len(), 1);
    }

    #[test]
    fn a_version_that_was_never_routed_is_astray() {
        let zero = Instant::now();
        assert_eq!(timeline(zero).astray(&[answer(zero, "v3", 12, 13)]).len(), 1);
    }

    #[test]
    fn going_back_within_the_change_is_astray() {
        let zero = Instant::now();
        let answers = [answer(zero, "v2", 12, 14), answer(zero, "v1", 15, 16)];
        assert_eq!(timeline(zero).astray(&answers).len(), 1);
    }
}
