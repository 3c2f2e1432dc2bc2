//! What is asked of the app, and how it may be afterwards.

use crate::engine::fake::world::Behaviour;
use crate::simulation::outcome::Expected;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    FirstDeploy,
    Deploy,
    /// One whose containers end at once.
    BadDeploy,
    /// One whose containers answer nobody.
    SickDeploy,
    Rollback,
    Restart,
    ScaleUp,
    ScaleDown,
    Stop,
    Start,
    Destroy,
}

impl Operation {
    pub(super) const ALL: [Self; 11] = [
        Self::FirstDeploy,
        Self::Deploy,
        Self::BadDeploy,
        Self::SickDeploy,
        Self::Rollback,
        Self::Restart,
        Self::ScaleUp,
        Self::ScaleDown,
        Self::Stop,
        Self::Start,
        Self::Destroy,
    ];

    /// What was asked for before it.
    pub(super) fn earlier(self) -> &'static [Self] {
        match self {
            Self::FirstDeploy => &[],
            Self::Rollback => &[Self::Deploy, Self::Deploy],
            Self::ScaleDown => &[Self::Deploy, Self::ScaleUp],
            Self::Start => &[Self::Deploy, Self::Stop],
            _ => &[Self::Deploy],
        }
    }

    /// How the images behave that it builds.
    pub(super) fn behaviour(self) -> Behaviour {
        match self {
            Self::BadDeploy => Behaviour::Ends(3),
            Self::SickDeploy => Behaviour::Refuses,
            _ => Behaviour::Serves,
        }
    }

    pub(super) fn expected(self) -> Expected {
        match self {
            Self::Stop => Expected::Stopped,
            Self::Destroy => Expected::Gone,
            _ => Expected::One,
        }
    }

    pub(super) fn expected_after_fault(self) -> Expected {
        match self {
            Self::FirstDeploy => Expected::OneOrNone,
            Self::Stop | Self::Start => Expected::StoppedOrOne,
            Self::Destroy => Expected::GoneOrOne,
            _ => Expected::One,
        }
    }
}
