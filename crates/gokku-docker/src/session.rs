//! Being in a container: `exec` in a running one, or attached to one that is about to start.

use std::pin::Pin;
use std::time::Duration;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, ResizeContainerTTYOptionsBuilder, ResizeExecOptionsBuilder,
};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use gokku_core::ContainerId;
use tokio::io::AsyncWrite;

use crate::engine::Engine;
use crate::error::Error;
use crate::logs::{LogLine, piece};

/// What is typed into a container.
pub type SessionInput = Pin<Box<dyn AsyncWrite + Send>>;

/// A program in a container, with its input and output.
pub struct Session {
    engine: Engine,
    kind: Kind,
    /// Its input; shut it down (`AsyncWriteExt::shutdown`) to end the input, which dropping it does not.
    pub input: Option<SessionInput>,
    /// Its output, until it ends.
    pub output: BoxStream<'static, Result<LogLine, Error>>,
}

#[derive(Clone)]
enum Kind {
    Exec(String),
    Container(ContainerId),
}

/// What changes a session's terminal and tells its end, apart from its input and output.
#[derive(Clone)]
pub struct SessionHandle {
    engine: Engine,
    kind: Kind,
}

impl Session {
    /// The handle of this session.
    pub fn handle(&self) -> SessionHandle {
        SessionHandle {
            engine: self.engine.clone(),
            kind: self.kind.clone(),
        }
    }
}

impl SessionHandle {
    /// Tells the terminal's size.
    pub async fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        let docker = &self.engine.docker;
        let what = "resize the terminal";
        match &self.kind {
            Kind::Exec(id) => {
                let size = ResizeExecOptionsBuilder::default()
                    .h(rows.into())
                    .w(columns.into())
                    .build();
                docker
                    .resize_exec(id, size)
                    .await
                    .map_err(|error| Error::of(what, id, error))
            }
            Kind::Container(id) => {
                let size = ResizeContainerTTYOptionsBuilder::default()
                    .h(rows.into())
                    .w(columns.into())
                    .build();
                let name = id.as_str();
                docker
                    .resize_container_tty(name, size)
                    .await
                    .map_err(|error| Error::of(what, name, error))
            }
        }
    }

    /// The program's exit code, once its output has ended.
    pub async fn exit_code(&self) -> Result<i64, Error> {
        match &self.kind {
            Kind::Exec(id) => self.engine.exec_exit(id).await,
            Kind::Container(id) => self.engine.wait_exit(id).await,
        }
    }
}

impl Engine {
    /// The exit code of a program that was started in a container. Its output ends before the engine has heard of its
    /// end, and there is nothing to wait on: it is looked at until it has one.
    async fn exec_exit(&self, id: &str) -> Result<i64, Error> {
        let mut pause = Duration::from_millis(5);
        loop {
            let state = self
                .docker
                .inspect_exec(id)
                .await
                .map_err(|error| Error::of("look at the program", id, error))?;
            if let (Some(code), false) = (state.exit_code, state.running.unwrap_or(false)) {
                return Ok(code);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(200));
        }
    }

    /// Starts a program in a running container.
    pub async fn exec(
        &self,
        id: &ContainerId,
        command: &[String],
        tty: bool,
        stdin: bool,
    ) -> Result<Session, Error> {
        let what = "run the program in the container";
        let config = ExecConfig {
            cmd: Some(command.to_vec()),
            tty: Some(tty),
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let made = self
            .docker
            .create_exec(id.as_str(), config)
            .await
            .map_err(|error| Error::of(what, id.as_str(), error))?;
        let options = StartExecOptions {
            detach: false,
            tty,
            output_capacity: None,
        };
        match self.docker.start_exec(&made.id, Some(options)).await {
            Ok(StartExecResults::Attached { output, input }) => {
                let name = id.to_string();
                Ok(Session {
                    engine: self.clone(),
                    kind: Kind::Exec(made.id),
                    input: stdin.then_some(input),
                    output: output
                        .map_ok(piece)
                        .map_err(move |error| Error::of(what, &name, error))
                        .boxed(),
                })
            }
            Ok(StartExecResults::Detached) => Err(Error::Api {
                what,
                message: "it was detached".to_owned(),
            }),
            Err(error) => Err(Error::of(what, id.as_str(), error)),
        }
    }

    /// Attaches to a container that has not started yet, so that nothing it prints is lost.
    pub async fn attach(&self, id: &ContainerId, stdin: bool) -> Result<Session, Error> {
        let what = "attach to the container";
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(stdin)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = self
            .docker
            .attach_container(id.as_str(), Some(options))
            .await
            .map_err(|error| Error::of(what, id.as_str(), error))?;
        let name = id.to_string();
        Ok(Session {
            engine: self.clone(),
            kind: Kind::Container(id.clone()),
            input: stdin.then_some(attached.input),
            output: attached
                .output
                .map_ok(piece)
                .map_err(move |error| Error::of(what, &name, error))
                .boxed(),
        })
    }
}
