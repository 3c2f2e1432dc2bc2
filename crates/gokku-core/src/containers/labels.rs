//! The labels of our containers, images, networks and volumes. Identity goes by these and by id, never by a part of a name.

/// The server's folder, so that several servers can share one engine.
pub const ROOT: &str = "gokku.root";
/// The app.
pub const APP: &str = "gokku.app";
/// The release.
pub const RELEASE: &str = "gokku.release";
/// The transition that made the container.
pub const TRANSITION: &str = "gokku.transition";
/// The slot it was made in; the one it is in now is in its name.
pub const SLOT: &str = "gokku.slot";
/// The process it runs, `web-1`.
pub const PROCESS: &str = "gokku.process";
/// The transition that made the first containers of those it is among; its own, unless it was added by a scale.
pub const GENERATION: &str = "gokku.generation";
/// A hash of the app's env that it was made with; never the env.
pub const ENV: &str = "gokku.env";
/// Whether the daemon starts it again: `always`, `on-failure`, `no`.
pub const RESTART: &str = "gokku.restart";
/// How many seconds the daemon waits before it does.
pub const RESTART_DELAY: &str = "gokku.restart-delay";
/// The port the app listens on.
pub const PORT: &str = "gokku.port";
/// The protocol that it speaks there, where that is not HTTP/1.1.
pub const PROTOCOL: &str = "gokku.protocol";
/// `true` where its answers are compressed on their way.
pub const COMPRESSION: &str = "gokku.compression";
/// The TCP ports of the server that lead to it, each with its own behind it: `5432:5432,1883:1883`.
pub const TCP_PORTS: &str = "gokku.tcp-ports";
/// The version of the PROXY protocol that it is spoken to on them, where it is.
pub const PROXY_PROTOCOL: &str = "gokku.proxy-protocol";
/// `once` for one-off containers: migrations and `gokku run`; [`FIREWALL`]. Of a network: [`OWN`], [`PAIR`] or another word.
pub const KIND: &str = "gokku.kind";
/// The network that it is reached on.
pub const NETWORK: &str = "gokku.network";

/// The two apps that a network is for, sorted, with a comma between.
pub const APPS: &str = "gokku.apps";

/// The [`KIND`] of an app's own network.
pub const OWN: &str = "own";
/// The [`KIND`] of a network that two apps share.
pub const PAIR: &str = "pair";

/// The [`KIND`] of a container that sets the rule which keeps networks apart: it is no app's.
pub const FIREWALL: &str = "firewall";
