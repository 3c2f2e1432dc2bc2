//! The traffic switch: what stands between an app's clients and its containers.
//!
//! - [`api`]: the words of its control API; [`client`] speaks them, [`call`] understands them, `control` answers
//! - [`switch`]: routes and targets; picking a target counts the request, in one step
//! - [`target`]: one container's requests in flight, its connections, its drain; `place`: where it is, `process`: whether
//!   it lives
//! - [`table`]: the routes on disk
//! - [`listen`], [`port_holder`]: host ports
//! - `serve`: one client's connection; `pulse`: what it is at, `guard`: how long it may be, `crowd`: among how many;
//!   `heads`: where its requests begin
//! - `forward`, `upgrade`: a request on its way; `body` there and `answer` back; `connector`: connections to apps, `line`:
//!   one of them
//! - `failure`: why an app did not answer; `again`: whether the request is sent once more
//! - `strict`, `hops`, `forwarded`: what is refused of a message, what stays here, what is added
//! - `own`: own answers; `told`: how often the log is told of them
//! - [`limits`]: what clients and apps may cost; [`network`]: which proxies in front are trusted
//! - [`probe`]: one health check; [`mod@watch`]: those of what has traffic; [`health`]: what follows from them
//! - [`proxy`]: all of it, started and stopped; `inner`: routes and ports, kept together; `handover`: one switch takes
//!   another's place; [`task`]: what panics is begun again
//!
//! It knows nothing of Docker: containers are ids and addresses that it is told, and what `process` sees of them.

pub mod api;
pub mod call;
pub mod client;
pub mod health;
pub mod limits;
pub mod listen;
pub mod network;
pub mod port_holder;
pub mod probe;
pub mod proxy;
pub mod switch;
pub mod table;
pub mod target;
pub mod task;
pub mod watch;

mod again;
mod answer;
mod body;
mod connector;
mod control;
mod crowd;
mod failure;
mod forward;
mod forwarded;
mod guard;
mod handover;
mod heads;
mod hops;
mod inner;
mod line;
mod memory;
mod own;
mod place;
mod process;
mod pulse;
mod serve;
mod strict;
mod told;
mod upgrade;

pub use client::Client;
pub use limits::Limits;
pub use network::Network;
pub use proxy::{Config, Proxy};
pub use switch::Switch;
