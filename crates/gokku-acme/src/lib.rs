//! A certificate authority, as gokku sees it: ACME (RFC 8555), by the `instant-acme` crate. When what is ordered is decided
//! in the core, by `gokku_core::certificates`.
//!
//! - [`client`]: orders and renewal information, from start to end
//! - [`account`]: the account at the authority
//! - [`challenge`]: what is to be answered so that a name is proved, and by whom
//! - [`dns_hook`]: the program that writes to the DNS
//! - [`direction`]: where a name leads, before the authority is asked
//! - `any_certificate`: how whoever answers there is spoken with
//! - `proof`: one order's proofs of its names
//! - `http`: how the authority is asked: each answer has an end and a size
//! - [`error`](mod@error): what went wrong, as the core's kinds have it

pub mod account;
pub mod challenge;
pub mod client;
pub mod direction;
pub mod dns_hook;
pub mod error;

mod any_certificate;
mod http;
mod proof;

pub use account::AccountStore;
pub use challenge::{Answers, Challenge};
pub use client::{Authority, Client, ExternalAccount, Information, Issued, Limits, Request};
pub use dns_hook::DnsHook;
pub use error::Error;
