//! Being in a container: `exec` in a running one, or attached to one that is about to start.

use std::pin::Pin;
use std::time::Duration;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{ExecConfig, ExecInspectResponse};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, ResizeContainerTTYOptionsBuilder, ResizeExecOptionsBuilder,
};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use gokku_core::ContainerId;
use gokku_core::machine::backoff::Backoff;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWrite;

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::limits::Call;
use gokku_core::containers::output::LogLine;

use crate::container::logs::piece;

/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(2);

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
    Exec(String, ContainerId),
    Container(ContainerId),
}

/// What changes a session's terminal and tells its end, apart from its input and output.
#[derive(Clone)]
pub struct SessionHandle {
    engine: Engine,
    kind: Kind,
}

impl Session {
    /// Returns the handle of this session.
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
            Kind::Exec(id, _) => {
                let size = ResizeExecOptionsBuilder::default()
                    .h(rows.into())
                    .w(columns.into())
                    .build();
                let call = Call::new("resize", what, id);
                self.engine.ask(call, docker.resize_exec(id, size)).await
            }
            Kind::Container(id) => {
                let size = ResizeContainerTTYOptionsBuilder::default()
                    .h(rows.into())
                    .w(columns.into())
                    .build();
                let name = id.as_str();
                let call = Call::new("resize", what, name);
                let resized = docker.resize_container_tty(name, size);
                self.engine.ask(call, resized).await
            }
        }
    }

    /// Ends the program, if it has not ended by itself: asked at first, then told. A program that was started in a
    /// running container goes on when nobody is attached to it any more, and the engine has no call that ends it: it is
    /// sent a signal from outside, or where this process may not, by the container's own `kill`.
    pub async fn end(&self) -> Result<(), Error> {
        let (id, container) = match &self.kind {
            Kind::Exec(id, container) => (id, container),
            Kind::Container(id) => return self.engine.remove(id).await,
        };
        for signal in [Signal::TERM, Signal::KILL] {
            let Some(pid) = self.engine.exec_process(id).await? else {
                return Ok(());
            };
            if let Err(error) = kill_process(pid, signal) {
                self.engine.kill_inside(container, pid, signal, error).await?;
            }
            if tokio::time::timeout(GRACE, self.engine.exec_exit(id))
                .await
                .is_ok()
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the program's exit code, once its output has ended.
    pub async fn exit_code(&self) -> Result<i64, Error> {
        match &self.kind {
            Kind::Exec(id, _) => self.engine.exec_exit(id).await,
            Kind::Container(id) => self.engine.wait_exit(id).await,
        }
    }
}

impl Engine {
    /// The exit code of a program that was started in a container. Its output ends before the engine has heard of its
    /// end, and there is nothing to wait on: it is looked at until it has one.
    async fn exec_exit(&self, id: &str) -> Result<i64, Error> {
        let mut pause = Backoff::between(Duration::from_millis(5), Duration::from_millis(200));
        loop {
            let state = self.exec_state(id).await?;
            if let (Some(code), false) = (state.exit_code, state.running.unwrap_or(false)) {
                return Ok(code);
            }
            tokio::time::sleep(pause.take()).await;
        }
    }

    /// The process of a program that was started in a container; none when it has ended.
    async fn exec_process(&self, id: &str) -> Result<Option<Pid>, Error> {
        let state = self.exec_state(id).await?;
        let pid = state
            .pid
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        Ok(pid.filter(|_| state.running.unwrap_or(false)))
    }

    fn exec_state<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ExecInspectResponse, Error>> {
        let call = Call::new("exec inspect", "look at the program", id);
        self.ask(call, self.docker.inspect_exec(id))
    }

    /// Has a container's own shell send a signal to a process in it, which has another number in there.
    async fn kill_inside(
        &self,
        container: &ContainerId,
        pid: Pid,
        signal: Signal,
        why: rustix::io::Errno,
    ) -> Result<(), Error> {
        let failed = |has_no_kill: bool| Error::GoesOn {
            pid: pid.as_raw_nonzero().get(),
            container: container.short().to_owned(),
            has_no_kill,
            source: why,
        };
        let path = format!("/proc/{}/status", pid.as_raw_nonzero());
        let status = std::fs::read_to_string(path).map_err(|_| failed(false))?;
        let inside = status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:")?.split_whitespace().last());
        let inside = inside.ok_or_else(|| failed(false))?;
        let command = [
            "/bin/sh",
            "-c",
            "kill -\"$0\" \"$1\"",
            &signal.as_raw().to_string(),
            inside,
        ];
        let command = command.map(str::to_owned);
        let mut session = self.exec(container, &command, false, false).await?;
        while session.output.next().await.is_some() {}
        match session.handle().exit_code().await? {
            0 => Ok(()),
            _ => Err(failed(true)),
        }
    }

    /// Starts a program in a running container.
    pub fn exec<'a>(
        &'a self,
        id: &'a ContainerId,
        command: &'a [String],
        tty: bool,
        stdin: bool,
    ) -> BoxFuture<'a, Result<Session, Error>> {
        Box::pin(self.start_program(id, command, tty, stdin))
    }

    async fn start_program(
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
            // It may do what its container may, and no more.
            privileged: Some(false),
            ..ExecConfig::default()
        };
        let call = Call::new("exec", what, id.as_str());
        let made = self
            .ask(call, self.docker.create_exec(id.as_str(), config))
            .await?;
        let options = StartExecOptions {
            detach: false,
            tty,
            output_capacity: None,
        };
        match self
            .ask(call, self.docker.start_exec(&made.id, Some(options)))
            .await?
        {
            StartExecResults::Attached { output, input } => {
                let name = id.to_string();
                Ok(Session {
                    engine: self.clone(),
                    kind: Kind::Exec(made.id, id.clone()),
                    input: stdin.then_some(input),
                    output: output
                        .map_ok(piece)
                        .map_err(move |error| Error::of(what, &name, error))
                        .boxed(),
                })
            }
            StartExecResults::Detached => Err(Error::Unexpected {
                what,
                answer: "detached".to_owned(),
            }),
        }
    }

    /// Runs a program in a running container, to its end or for so long; then it is ended, and has no exit code.
    pub async fn run_inside(
        &self,
        id: &ContainerId,
        command: &[String],
        limit: Duration,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<Option<i64>, Error> {
        let mut session = self.exec(id, command, false, false).await?;
        let handle = session.handle();
        let ended = tokio::time::timeout(limit, async {
            while let Some(piece) = session.output.next().await {
                on_output(piece?);
            }
            handle.exit_code().await
        })
        .await;
        match ended {
            Ok(code) => code.map(Some),
            Err(_) => handle.end().await.map(|()| None),
        }
    }

    /// Attaches to a container that has not started yet, so that nothing it prints is lost.
    pub fn attach<'a>(&'a self, id: &'a ContainerId, stdin: bool) -> BoxFuture<'a, Result<Session, Error>> {
        Box::pin(self.attach_streams(id, stdin))
    }

    async fn attach_streams(&self, id: &ContainerId, stdin: bool) -> Result<Session, Error> {
        let what = "attach to the container";
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(stdin)
            .stdout(true)
            .stderr(true)
            .build();
        let call = Call::new("attach", what, id.as_str());
        let attached = self
            .ask(call, self.docker.attach_container(id.as_str(), Some(options)))
            .await?;
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
