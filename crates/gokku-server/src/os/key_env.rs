//! The variables by which a process knows whose key it was started with: sshd starts git with them, and git its hooks.

/// The variable by which the hook knows whose push it is.
pub const BY: &str = "GOKKU_BY";

/// The variable by which the hook knows that this is a key.
pub const WITH_KEY: &str = "GOKKU_WITH_KEY";

/// The variable by which it knows the apps that a key is limited to, a comma between two.
pub const ONLY: &str = "GOKKU_ONLY";

/// The variable by which it knows the domains that a key may give to its apps, a comma between two.
pub const DOMAINS: &str = "GOKKU_KEY_DOMAINS";

/// The variable by which it knows the host by which whoever pushes reaches the server.
pub const REACHED_AT: &str = "GOKKU_REACHED_AT";
