//! One set of checks for whatever runs containers: the Docker Engine, and the engine in memory that transitions are tried on in
//! milliseconds. So what is true there is true here.
//!
//! - `contract`: the checks; `engine`: the one in memory; `lab`: the machine's engine, and what a test makes on it
//! - `staying_up`: how a process is proven that answers nobody, on the one in memory
#![allow(clippy::unwrap_used, reason = "tests")]

mod contract;
mod engine;
mod lab;
mod staying_up;

use contract::Bench;
use engine::fake::Fake;
use gokku_core::machine::subnet::RANGE;
use lab::Lab;

/// Runs the same checks on both engines.
macro_rules! checks {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(
                #[tokio::test]
                async fn $name() {
                    let folder = tempfile::tempdir().unwrap();
                    let engine = super::Fake::new(folder.path().to_owned());
                    let bench = super::Bench::new(&engine, folder.path(), "in-memory").await;
                    super::contract::$name(&bench).await;
                }
            )+
        }
        mod docker {
            $(
                #[tokio::test]
                async fn $name() {
                    let lab = super::Lab::new().await;
                    let bench = super::Bench::new(&lab.engine, lab.folder(), &lab.root).await;
                    super::contract::$name(&bench).await;
                    drop(bench);
                    lab.clear().await;
                }
            )+
        }
    };
}

checks!(
    a_container_lives_from_made_to_removed,
    what_is_not_there_is_told_from_what_stands_in_the_way,
    a_program_that_ends_gives_its_exit_code,
    a_one_off_container_is_gone_when_it_ends,
    labels_are_all_to_match,
    names_of_images_move_and_go,
    networks_are_found_by_their_labels,
);

#[tokio::test]
async fn networks_are_kept_apart_once_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Fake::new(folder.path().to_owned());
    let bench = Bench::new(&engine, folder.path(), "in-memory").await;
    contract::networks_are_kept_apart_once(&bench, RANGE).await;
}

#[tokio::test]
async fn networks_are_kept_apart_once_by_docker() {
    let lab = Lab::new().await;
    let bench = Bench::new(&lab.engine, lab.folder(), &lab.root).await;
    // Addresses that are in no other test.
    let range = format!("10.231.{}.0/24", std::process::id() % 256)
        .parse()
        .unwrap();
    contract::networks_are_kept_apart_once(&bench, range).await;
    drop(bench);
    lab.engine.end_isolation(&lab.root, range).await.unwrap();
    lab.clear().await;
}
