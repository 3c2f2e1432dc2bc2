//! The loop: observe, ask the core, perform one step, again.
//!
//! - [`driver`]: the loop; `observe`: what is true now; `perform`: one step
//! - `release_domains`: what moves with the traffic
//! - `building`, `pull`: the image; `carried`: the data of an image's volumes; `post_deploy`: a command after it
//! - `recover`: one that was cut off; `ending`: what belongs to its end, whoever comes to it

pub(crate) mod building;
pub(crate) mod carried;
pub mod driver;
pub(crate) mod ending;
mod error;
pub(crate) mod observe;
pub(crate) mod perform;
pub(crate) mod post_deploy;
pub(crate) mod pull;
pub(crate) mod recover;
pub(crate) mod release_domains;

pub use error::Error;
