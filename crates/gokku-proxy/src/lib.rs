//! The traffic switch: what stands between an app's clients and its containers.
//!
//! - [`api`]: the words of its control API; [`client`] speaks them, [`call`] understands them, `control` answers
//! - [`switch`]: routes and targets; picking a target counts the request, in one step
//! - [`target`]: one container's requests in flight, its connections, its drain; `place`: where it is
//! - [`table`]: the routes on disk
//! - `forward`, `upgrade`: a request on its way; `body` there and `answer` back; `connector`: connections to apps
//! - [`listen`], [`port_holder`]: host ports
//! - [`probe`]: one health check
//! - [`proxy`]: all of it, started and stopped; `inner`: routes and ports, kept together; `handover`: one switch takes
//!   another's place
//!
//! It knows nothing of Docker: containers are ids and addresses that it is told.

pub mod api;
pub mod call;
pub mod client;
pub mod listen;
pub mod port_holder;
pub mod probe;
pub mod proxy;
pub mod switch;
pub mod table;
pub mod target;

mod answer;
mod body;
mod connector;
mod control;
mod forward;
mod handover;
mod inner;
mod pause;
mod place;
mod upgrade;

pub use client::Client;
pub use proxy::{Config, Proxy};
pub use switch::Switch;
