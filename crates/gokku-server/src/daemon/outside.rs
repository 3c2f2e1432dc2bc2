//! What the supervisor reaches outside of its process, as a trait: the engine, and workers.

use std::io::ErrorKind;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::{AppName, Asker};
use tokio::net::UnixStream;

use crate::engine::runtime::Runtime;
use crate::os::blocking;
use crate::reconcile::Error;
use crate::record::audit_log;
use crate::server::Server;
use crate::worker::request::{Operation, submit};

/// What is needed of the world outside.
pub(crate) trait Outside: Send + Sync + 'static {
    /// Connects to whatever runs containers.
    fn connect(&self) -> BoxFuture<'_, Result<Arc<dyn Runtime>, gokku_core::containers::Error>>;
    /// Returns whether somebody listens where that is.
    fn is_there(&self) -> BoxFuture<'_, bool>;
    /// Has a worker of its own do something, and waits for its end.
    fn work<'a>(&'a self, app: &'a AppName, operation: Operation) -> BoxFuture<'a, ()>;
}

impl Outside for Server {
    fn connect(&self) -> BoxFuture<'_, Result<Arc<dyn Runtime>, gokku_core::containers::Error>> {
        self.runtime().boxed()
    }

    fn is_there(&self) -> BoxFuture<'_, bool> {
        async {
            let connected = UnixStream::connect(&self.engine).await;
            let absent = |error: &std::io::Error| {
                matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
            };
            !connected.is_err_and(|error| absent(&error))
        }
        .boxed()
    }

    fn work<'a>(&'a self, app: &'a AppName, operation: Operation) -> BoxFuture<'a, ()> {
        let server = Self {
            by: audit_log::DAEMON.to_owned(),
            // What is brought up again was asked for before, by whoever might.
            asker: Asker::Owner,
            domains: DomainGrants::default(),
            ..self.clone()
        };
        async move {
            let app = app.clone();
            let done = blocking::run(move || {
                let mut submitted = submit(&server, &app, operation, false)?;
                submitted.child.wait().map_err(Error::NotWaited)
            });
            if let Err(error) = done.await {
                tracing::error!("{error}");
            }
        }
        .boxed()
    }
}
