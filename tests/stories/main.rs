//! What a user of gokku lives through, from outside: a real engine, real pushes, real clients.
//!
//! A file per story; the numbers `P01` to `P34` name the promises that a test keeps.
#![allow(clippy::unwrap_used, reason = "a story's helpers are tests, too")]

mod abort;
mod afar;
mod agree;
mod bad_input;
mod builds;
mod by_hand;
mod cleanup;
mod clocks;
mod command_line;
mod config;
mod deploys;
mod deploys_under_load;
mod disk;
mod git_refuses;
mod gokku_yml;
mod guide;
mod health;
mod hold;
mod images;
mod interrupted;
mod keys;
mod languages;
mod laptop;
mod limits;
mod logs;
mod lost_connection;
mod machine;
mod many;
mod migration;
mod names;
mod no_engine;
mod odd_trees;
mod ports;
mod power;
mod processes;
mod projects;
mod refs;
mod refused;
mod restarts;
mod retention;
mod rollback;
mod secrets;
mod setup;
mod ssh;
mod stuck;
mod switch_restart;
mod the_commit;
mod told;
mod volumes;
mod words;
