//! What the engine's disk is used for, and where it is.
//!
//! `GET /system/df` (`SystemDataUsage`) and `POST /build/prune` (`BuildPrune`) are asked here and not by the client library,
//! which knows only what the newest engines call these things.

use std::time::Duration;

use bytes::Bytes;
use gokku_core::containers::usage::{PrunedCache, Usage};
use gokku_core::machine::backoff::Backoff;
use http_body_util::{BodyExt, Empty};
use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::limits::Call;
use crate::engine::raw_http;
use crate::image::disk_usage;

/// The newest API whose answer is known (`disk_usage.rs`).
const NEWEST_DF: (u32, u32) = (1, 52);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pruned {
    #[serde(default)]
    caches_deleted: Option<Vec<String>>,
    #[serde(default)]
    space_reclaimed: i64,
}

#[derive(Deserialize)]
struct Refused {
    message: String,
}

const MEASURE: &str = "ask what the disk is used for";
const PRUNE_CACHE: &str = "prune the build cache";

/// What an engine says that measures already, for somebody else.
const BUSY: &str = "a disk usage operation is already running";

/// How long to wait at most until it is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long others may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Engine {
    /// Returns what its disk is used for. Engines before API 1.42 also measure volumes and containers for it, which takes long
    /// where these are large.
    pub async fn usage(&self) -> Result<Usage, Error> {
        let (major, minor) = self.api_number().min(NEWEST_DF);
        let path = format!("/v{major}.{minor}/system/df?type=image&type=build-cache&verbose=1");
        let until = Instant::now() + PATIENCE;
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        let answer = loop {
            let asked = self.ask_bytes(Method::GET, &path, MEASURE);
            let asked = self.within(self.limits.act, Call::new("system df", MEASURE, "df"), asked);
            match asked.await {
                // Engines answer it to one at a time, and take as long as the disk is full.
                Err(Error::Api { message, .. }) if message.contains(BUSY) && Instant::now() < until => {
                    tokio::time::sleep(pause.take()).await;
                }
                answer => break answer?,
            }
        };
        disk_usage::read(&answer).map_err(|error| Error::answer(MEASURE, error))
    }

    /// Removes of the build cache what was not used for longest, until no more than `keep` bytes are left of it. What images
    /// hold of it stays, and what is in use.
    pub async fn prune_cache(&self, keep: u64) -> Result<PrunedCache, Error> {
        // The second name is what engines from API 1.48 on know it by.
        let path = format!("/build/prune?keep-storage={keep}&reserved-space={keep}");
        let pruned = self.ask_json(Method::POST, &path, PRUNE_CACHE);
        let call = Call::new("builder prune", PRUNE_CACHE, "cache");
        let pruned: Pruned = self.within(self.limits.prune, call, pruned).await?;
        Ok(PrunedCache {
            records: pruned.caches_deleted.unwrap_or_default().len(),
            bytes: u64::try_from(pruned.space_reclaimed).unwrap_or(0),
        })
    }

    async fn ask_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        what: &'static str,
    ) -> Result<T, Error> {
        let bytes = self.ask_bytes(method, path, what).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::answer(what, error))
    }

    async fn ask_bytes(&self, method: Method, path: &str, what: &'static str) -> Result<Bytes, Error> {
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed();
        let (response, _driving) = raw_http::request(&self.socket, method, path, "text/plain", body).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await;
        let bytes = bytes.map_err(|error| Error::answer(what, error))?.to_bytes();
        if !status.is_success() {
            let refused: Option<Refused> = serde_json::from_slice(&bytes).ok();
            return Err(Error::refused(
                what,
                status,
                refused.map(|refused| refused.message),
            ));
        }
        Ok(bytes)
    }
}
