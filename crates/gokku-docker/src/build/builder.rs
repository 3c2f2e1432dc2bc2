//! An image from a folder with a Dockerfile.
//!
//! `POST /build` (Docker Engine API, `ImageBuild`), with `version=2` for BuildKit, which every engine from Docker 20.10 on
//! has. What it sends, `moby.buildkit.trace`, is read in `trace.rs`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use gokku_core::ImageId;
use gokku_core::build::image_sources::mask::unmasked;
use gokku_core::build::image_sources::ownership::Neighbours;
use gokku_core::containers::build::{BuildRequest, Secrets};
use gokku_core::containers::lines::lines;
use gokku_core::text::fingerprint::Fingerprint;
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use hyper::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::build::apart::{CACHES, Instead, dockerfile};
use crate::build::buildkit_session::{Offer, Session};
use crate::build::context;
use crate::build::context::Extra;
use crate::build::secrets::masked;
use crate::build::trace::Trace;
use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::failed_build::FailedBuild;
use crate::engine::limits::Call;
use crate::engine::raw_http;

/// What is percent-encoded in a query: everything but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    stream: Option<String>,
    #[serde(rename = "message")]
    refusal: Option<String>,
    aux: Option<serde_json::Value>,
    error: Option<String>,
}

/// What has been read of a build's answer.
#[derive(Default)]
struct Progress {
    trace: Trace,
    image: Option<ImageId>,
    neighbours: Option<Neighbours>,
}

/// A line as it is told: without secrets, and with the names that were written.
fn told(line: &str, secrets: &Secrets) -> String {
    unmasked(&masked(line, secrets))
}

impl Progress {
    /// Ends a build that looks for another app's image all the same: what its Dockerfile says was changed.
    fn look(&mut self) -> Result<(), Error> {
        let loaded = self.trace.loaded();
        let neighbours = self.neighbours.as_ref();
        let anothers = |image: &&String| neighbours.is_some_and(|all| all.is_anothers_name(image));
        match loaded.iter().find(anothers) {
            Some(image) => Err(Error::Build(FailedBuild {
                reason: format!(
                    "pull access denied for {image}, repository does not exist or may require authorization"
                ),
                ..FailedBuild::default()
            })),
            None => Ok(()),
        }
    }

    /// A build's failure with the instruction that it was at.
    fn explain(&mut self, error: Error, secrets: &Secrets) -> Error {
        match error {
            Error::Build(failed) => {
                let mut failed = self.trace.failed().unwrap_or(failed);
                let words = failed.output.iter_mut().chain([&mut failed.reason]);
                for words in words.chain(&mut failed.instruction) {
                    *words = told(words, secrets);
                }
                Error::Build(failed)
            }
            Error::Api { what, message } => Error::Api {
                what,
                message: unmasked(&message),
            },
            Error::Unexpected { what, answer } => Error::Unexpected {
                what,
                answer: unmasked(&answer),
            },
            error => error,
        }
    }
}

/// Writes into the request's body, from a thread.
struct BodyWriter(mpsc::Sender<Result<Frame<Bytes>, std::io::Error>>);

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let frame = Frame::data(Bytes::copy_from_slice(bytes));
        self.0
            .blocking_send(Ok(frame))
            .map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn query(request: &BuildRequest<'_>, session: &Session) -> Result<String, Error> {
    let json = |what: &'static str, pairs: &BTreeMap<String, String>| {
        serde_json::to_string(pairs).map_err(|error| Error::answer(what, error))
    };
    let mut args: BTreeMap<String, String> = request.args.iter().cloned().collect();
    let caches = &request.apart.caches;
    args.insert(CACHES.to_owned(), caches.clone());
    let mut salt = Fingerprint::default();
    salt.add(caches);
    let fields = [
        ("version", "2".to_owned()),
        ("dockerfile", request.dockerfile.to_owned()),
        ("t", request.tag.clone()),
        ("rm", "1".to_owned()),
        ("forcerm", "1".to_owned()),
        ("nocache", if request.cache { "0" } else { "1" }.to_owned()),
        ("labels", json("write the labels", &request.labels)?),
        ("buildargs", json("write the build arguments", &args)?),
        ("session", session.id.clone()),
        ("extrahosts", format!("gokku-{salt}:127.0.0.1")),
    ];
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, ESCAPED)))
        .collect();
    Ok(format!("/build?{}", fields.join("&")))
}

impl Engine {
    /// Builds an image; `on_line` gets each line of progress. Dropping the future cancels the build.
    pub fn build<'a>(
        &'a self,
        request: &'a BuildRequest<'_>,
        on_line: &'a mut (dyn FnMut(String) + Send),
    ) -> BoxFuture<'a, Result<ImageId, Error>> {
        Box::pin(self.build_it(request, on_line))
    }

    async fn build_it(
        &self,
        request: &BuildRequest<'_>,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<ImageId, Error> {
        let own = match &request.generated {
            Some(generated) => Instead {
                path: request.dockerfile.into(),
                text: generated.dockerfile.clone(),
            },
            None => dockerfile(request.folder, request.dockerfile)?,
        };
        let changed = self.kept_apart(request, &own.text, on_line).await?;
        // Without one BuildKit cannot ask whether there is a login, and pulls from no registry that wants a token for
        // everybody, as Docker Hub does.
        let offer = Offer {
            secrets: request.secrets.clone(),
            logins: request.logins.clone(),
        };
        let session = Session::open(self, offer).await?;
        let on_line = &mut |line: String| on_line(told(&line, &request.secrets));
        let (sender, mut receiver) = mpsc::channel(16);
        let last_taken = Arc::new(Mutex::new(Instant::now()));
        let (folder, dockerfile) = (request.folder.to_owned(), request.dockerfile.to_owned());
        // What is built anew must come to layers of its own: the engine has one layer for all that are the same, and the one that it
        // has may be what is not trusted.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = if request.cache { 0 } else { now.as_secs() };
        let dockerignore = request.generated.as_ref().map(|own| own.dockerignore.to_owned());
        let sending = tokio::task::spawn_blocking(move || {
            let errors = sender.clone();
            let writer = std::io::BufWriter::with_capacity(64 * 1024, BodyWriter(sender));
            let extra = dockerignore.as_ref().map(|dockerignore| Extra {
                text: changed.as_ref().unwrap_or(&own.text),
                dockerignore,
            });
            let path = own.path.to_string_lossy();
            let instead = changed
                .as_ref()
                .map(|text| context::Instead { path: &path, text });
            let instead = instead.filter(|_| extra.is_none());
            let result = context::write(&folder, &dockerfile, extra, instead, time, writer);
            if let Err(error) = &result {
                // A body that ends in an error is never taken for a whole one.
                let _ = errors.blocking_send(Err(std::io::Error::other(error.to_string())));
            }
            result
        });
        let takes = Arc::clone(&last_taken);
        let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| {
            *takes.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            receiver.poll_recv(cx)
        }));
        let mut progress = Progress {
            neighbours: Some(request.apart.neighbours.clone()),
            ..Progress::default()
        };
        let built = self
            .send(
                &query(request, &session)?,
                BodyExt::boxed(body),
                &last_taken,
                &mut progress,
                on_line,
            )
            .await;
        progress.trace.rest().into_iter().for_each(&mut *on_line);
        let built = built.map_err(|error| progress.explain(error, &request.secrets));
        // A folder that cannot be read is the cause, whatever the engine made of it.
        match sending.await {
            Ok(Err(error)) if !error.is_broken_pipe() => return Err(error.into()),
            _ => {}
        }
        built?;
        match progress.image {
            Some(id) => Ok(id),
            None => Ok(self
                .image(&request.tag)
                .await?
                .ok_or_else(|| Error::NoImage {
                    tag: request.tag.clone(),
                })?
                .id),
        }
    }

    /// Waits until a build begins to answer. An engine may first take all that is to be built, however long that is: the
    /// limit is for silence after the last of it.
    async fn unless_silent<T>(
        &self,
        what: &'static str,
        taken: &Mutex<Instant>,
        begun: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let limit = self.limits.act;
        let silence = async {
            loop {
                let last = *taken.lock().unwrap_or_else(PoisonError::into_inner);
                if last.elapsed() >= limit {
                    return;
                }
                sleep_until(last + limit).await;
            }
        };
        tokio::select! {
            begun = begun => begun,
            () = silence => Err(Call::new("build", what, "build").unanswered(limit)),
        }
    }

    async fn send(
        &self,
        path: &str,
        body: http_body_util::combinators::BoxBody<Bytes, std::io::Error>,
        taken: &Mutex<Instant>,
        progress: &mut Progress,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), Error> {
        let what = "build the image";
        let head = Request::post(path).header(CONTENT_TYPE, "application/x-tar");
        let begun = raw_http::send(&self.socket, head, body);
        let (response, _driving) = self.unless_silent(what, taken, begun).await?;
        let status = response.status();
        let mut body = BodyStream::new(response.into_body());
        let mut pending = Vec::new();
        while let Some(frame) = body.next().await {
            let frame = frame.map_err(|error| Error::answer(what, error))?;
            let Ok(data) = frame.into_data() else { continue };
            pending.extend_from_slice(&data);
            let mut rest = pending.as_slice();
            loop {
                let mut messages = serde_json::Deserializer::from_slice(rest).into_iter::<Message>();
                match messages.next() {
                    Some(Ok(message)) => {
                        rest = &rest[messages.byte_offset()..];
                        read(message, status.is_success(), progress, on_line)?;
                    }
                    Some(Err(error)) if error.is_eof() => break,
                    Some(Err(_)) => {
                        return Err(Error::Unexpected {
                            what,
                            answer: String::from_utf8_lossy(rest).into_owned(),
                        });
                    }
                    None => break,
                }
            }
            pending = rest.to_vec();
        }
        if !status.is_success() {
            return Err(Error::refused(what, status, None));
        }
        Ok(())
    }
}

fn read(
    message: Message,
    accepted: bool,
    progress: &mut Progress,
    on_line: &mut (dyn FnMut(String) + Send),
) -> Result<(), Error> {
    if let Some(error) = message.error {
        return Err(Error::Build(FailedBuild {
            reason: error,
            ..FailedBuild::default()
        }));
    }
    match (message.id.as_deref(), message.aux) {
        (Some("moby.buildkit.trace"), Some(serde_json::Value::String(base64))) => {
            progress.trace.lines(&base64).into_iter().for_each(&mut *on_line);
            progress.look()?;
        }
        (_, Some(aux)) => {
            if let Some(id) = aux.get("ID").and_then(serde_json::Value::as_str) {
                progress.image = Some(ImageId::new(id));
            }
        }
        _ => {}
    }
    if let Some(message) = message.refusal.filter(|_| !accepted) {
        return Err(Error::Api {
            what: "build the image",
            message,
        });
    }
    if let Some(text) = message.stream {
        lines(text.as_bytes()).into_iter().for_each(on_line);
    }
    Ok(())
}
