//! One-off containers: made, attached to, started, waited for, removed.

use futures_util::StreamExt;
use gokku_core::ContainerId;

use crate::containers::ContainerSpec;
use crate::engine::Engine;
use crate::error::Error;
use crate::logs::LogLine;
use crate::session::Session;

/// A one-off container. Whoever drops it without [`Once::remove`] has it removed in the background.
pub struct Once {
    engine: Engine,
    id: Option<ContainerId>,
}

impl Once {
    /// Removes the container, running or not.
    pub async fn remove(mut self) -> Result<(), Error> {
        match self.id.take() {
            Some(id) => self.engine.remove(&id).await,
            None => Ok(()),
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let engine = self.engine.clone();
            // If even this is cut off, its labels tell what it is, and the next transition removes it.
            runtime.spawn(async move { engine.remove(&id).await });
        }
    }
}

impl Engine {
    /// Makes and starts a one-off container, attached.
    pub async fn start_once(&self, spec: &ContainerSpec) -> Result<(Once, Session), Error> {
        let id = self.create(spec).await?;
        let once = Once {
            engine: self.clone(),
            id: Some(id.clone()),
        };
        let started = match self.attach(&id, spec.stdin).await {
            Ok(session) => self.start(&id).await.map(|()| session),
            Err(error) => Err(error),
        };
        match started {
            Ok(session) => Ok((once, session)),
            Err(error) => {
                // Waited for: who is told of the failure may be gone before anything in the background is done.
                once.remove().await?;
                Err(error)
            }
        }
    }

    /// Runs a one-off container to its end: gives what it prints to `on_output`, removes it, and gives its exit
    /// code. Dropping the future removes it too.
    pub async fn run_once(
        &self,
        spec: &ContainerSpec,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<i64, Error> {
        let mut never = std::future::pending();
        match self.run_once_until(&mut never, spec, on_output).await? {
            Some(code) => Ok(code),
            // Nobody says to stop.
            None => std::future::pending().await,
        }
    }

    /// The same, until somebody says to stop: then the container is gone when this returns, and there is no exit code.
    /// A future that is dropped while the container is made can only have it removed later, if anyone is still there.
    pub async fn run_once_until(
        &self,
        stop: &mut (dyn Future<Output = ()> + Send + Unpin),
        spec: &ContainerSpec,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<Option<i64>, Error> {
        let (once, mut session) = self.start_once(spec).await?;
        let ended = async {
            while let Some(piece) = session.output.next().await {
                on_output(piece?);
            }
            session.handle().exit_code().await
        };
        let code = tokio::select! {
            code = ended => Some(code?),
            () = stop => None,
        };
        once.remove().await?;
        Ok(code)
    }
}
