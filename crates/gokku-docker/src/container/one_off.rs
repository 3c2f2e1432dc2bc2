//! One-off containers: made, attached to, started, waited for, removed.

use futures_util::StreamExt;
use gokku_core::ContainerId;

use crate::container::exec::Session;
use crate::engine::connection::Engine;
use crate::engine::error::Error;
use gokku_core::containers::container::ContainerSpec;
use gokku_core::containers::output::LogLine;

/// A one-off container. Whoever drops it without [`OneOff::remove`] has it removed in the background.
pub struct OneOff {
    engine: Engine,
    id: Option<ContainerId>,
}

impl OneOff {
    /// Removes the container, running or not.
    pub async fn remove(mut self) -> Result<(), Error> {
        match self.id.take() {
            Some(id) => self.engine.remove(&id).await,
            None => Ok(()),
        }
    }
}

impl Drop for OneOff {
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
    pub async fn start_one_off(&self, spec: &ContainerSpec) -> Result<(OneOff, Session), Error> {
        let id = self.create(spec).await?;
        let one_off = OneOff {
            engine: self.clone(),
            id: Some(id.clone()),
        };
        let started = match self.attach(&id, spec.stdin).await {
            Ok(session) => self.start(&id).await.map(|()| session),
            Err(error) => Err(error),
        };
        match started {
            Ok(session) => Ok((one_off, session)),
            Err(error) => {
                // Waited for: who is told of the failure may be gone before anything in the background is done.
                one_off.remove().await?;
                Err(error)
            }
        }
    }

    /// Runs a one-off container to its end: gives what it prints to `on_output`, removes it, and gives its exit
    /// code. Dropping the future removes it too.
    pub async fn run_one_off(
        &self,
        spec: &ContainerSpec,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<i64, Error> {
        let mut never = std::future::pending();
        match self.run_one_off_until(&mut never, spec, on_output).await? {
            Some(code) => Ok(code),
            // Nobody says to stop.
            None => std::future::pending().await,
        }
    }

    /// Runs the same until somebody says to stop: then the container is gone when this returns, and there is no exit code.
    /// A future that is dropped while the container is made can only have it removed later, if anyone is still there.
    pub async fn run_one_off_until(
        &self,
        stop: &mut (dyn Future<Output = ()> + Send + Unpin),
        spec: &ContainerSpec,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<Option<i64>, Error> {
        let (one_off, mut session) = self.start_one_off(spec).await?;
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
        one_off.remove().await?;
        Ok(code)
    }
}
