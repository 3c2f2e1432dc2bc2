//! Routes and their targets: which container an app's next request goes to.
//!
//! - [`switch`]: all routes, and every change of them
//! - `entry_point`: what a port leads to: an app, or by `domain_table` the app of a domain; `https_redirect`: who is sent to https;
//!   `acme_answers`: what certificate authorities are answered
//! - [`app_route`]: one app's route; picking a target counts the request, in one step
//! - `balance`: which of several targets gets the next request
//! - `process_watch`: which targets' containers are seen to live
//! - [`target`]: one container's requests in flight, its connections, its drain
//! - [`target_health`]: what follows from its health checks
//! - `endpoint`: its address, as long as its container has that
//! - `upstream_pool`: the connections to it; `connector` makes them, `upstream_connection` is one; `upstream_http2`: those to an
//!   app that speaks HTTP/2
//! - [`table`]: the routes on disk

pub mod app_route;
pub mod switch;
pub mod table;
pub mod target;
pub mod target_health;

pub(crate) mod acme_answers;
mod balance;
pub(crate) mod connector;
pub(crate) mod domain_table;
mod endpoint;
pub(crate) mod entry_point;
pub(crate) mod https_redirect;
mod process_watch;
pub(crate) mod upstream_connection;
mod upstream_http2;
pub(crate) mod upstream_pool;
