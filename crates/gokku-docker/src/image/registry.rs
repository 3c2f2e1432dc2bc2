//! Registries: what a name means there now, images that are pulled, logins that are checked.
//!
//! The engine does all of it: `GET /distribution/NAME/json`, `POST /images/create`, `POST /auth`. A login reaches it in a
//! header or a body of such a request on its socket, and nothing else has it. The client library writes that header in
//! another alphabet than the engine reads, which then takes some passwords for none: so the requests are made here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gokku_core::config::image_ref::{DEFAULT_REGISTRY, ImageRef};
use gokku_core::containers::image::Login;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::{Method, Request, StatusCode};
use serde::{Deserialize, Serialize};

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::failed_build::is_denial;
use crate::engine::limits::Call;
use crate::engine::raw_http::{self, Answer};

/// What the engine calls Docker's own registry where it is logged in to.
const DEFAULT_ADDRESS: &str = "https://index.docker.io/v1/";

/// A login as the engine reads it.
#[derive(Serialize)]
struct Auth<'a> {
    username: &'a str,
    password: &'a str,
    serveraddress: &'a str,
}

fn auth(login: &Login) -> Auth<'_> {
    Auth {
        username: &login.username,
        password: &login.password,
        serveraddress: if login.registry == DEFAULT_REGISTRY {
            DEFAULT_ADDRESS
        } else {
            &login.registry
        },
    }
}

/// The value of `X-Registry-Auth`.
fn header(login: &Login) -> Result<String, Error> {
    Ok(for_url(&json(&auth(login))?))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::answer("write the login", error))
}

/// Base64 in the alphabet for URLs, RFC 4648 section 5.
fn for_url(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// What the engine answers, as far as it is read: of a refusal, of an image in a registry, or of a pull.
#[derive(Default, Deserialize)]
struct RegistryMessage {
    message: Option<String>,
    #[serde(rename = "Descriptor")]
    descriptor: Option<Descriptor>,
    id: Option<String>,
    status: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Engine {
    /// Returns what an image's name means in its registry now: the name with a digest.
    pub async fn digest_of(&self, image: &ImageRef, login: Option<&Login>) -> Result<ImageRef, Error> {
        let id = image.to_string();
        let call = Call::new("manifest inspect", "ask the registry for the image", &id);
        let asked = self.ask_digest(call.what, image, login);
        self.within(self.limits.act, call, asked).await
    }

    async fn ask_digest(
        &self,
        what: &'static str,
        image: &ImageRef,
        login: Option<&Login>,
    ) -> Result<ImageRef, Error> {
        let digest = if let Some(digest) = image.digest() {
            digest.to_owned()
        } else {
            let path = format!("/distribution/{}:{}/json", image.name(), tag(image));
            let answer = self.ask_registry(Method::GET, &path, login).await?;
            let status = answer.0.status();
            let mut messages = Answers::of(answer);
            let told = messages.next(what).await?.unwrap_or_default();
            if !status.is_success() {
                return Err(refused(what, image, status, told.message.unwrap_or_default()));
            }
            told.descriptor
                .map_or_else(String::new, |descriptor| descriptor.digest)
        };
        format!("{}@{digest}", image.name())
            .parse()
            .map_err(|_| Error::Unexpected { what, answer: digest })
    }

    /// Pulls an image; `on_line` gets a line for each of its layers. Dropping the future cancels it.
    pub fn pull<'a>(
        &'a self,
        image: &'a ImageRef,
        login: Option<&'a Login>,
        on_line: &'a mut (dyn FnMut(String) + Send),
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.pull_telling(image, login, on_line))
    }

    async fn pull_telling(
        &self,
        image: &ImageRef,
        login: Option<&Login>,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), Error> {
        let what = "pull the image";
        let version = image.digest().unwrap_or_else(|| tag(image));
        // Nothing in a reference means anything else in a URL.
        let path = format!("/images/create?fromImage={}&tag={version}", image.name());
        let id = image.to_string();
        // What comes then may take as long as it does.
        let begun = self.ask_registry(Method::POST, &path, login);
        let answer = self
            .within(self.limits.act, Call::new("pull", what, &id), begun)
            .await?;
        let status = answer.0.status();
        let mut messages = Answers::of(answer);
        while let Some(told) = messages.next(what).await? {
            if let Some(words) = told.error.or(told.message) {
                return Err(refused(what, image, status, words));
            }
            let (Some(id), Some(done)) = (told.id, told.status) else {
                continue;
            };
            match done.as_str() {
                "Pull complete" => on_line(format!("layer {id}: pulled")),
                "Already exists" => on_line(format!("layer {id}: already here")),
                _ => {}
            }
        }
        if status.is_success() {
            Ok(())
        } else {
            Err(refused(what, image, status, format!("HTTP {status}")))
        }
    }

    /// Checks whether a registry lets a login in.
    pub async fn check_login(&self, login: &Login) -> Result<(), Error> {
        let call = Call::new("login", "log in to the registry", &login.registry);
        self.within(self.limits.act, call, self.try_login(call.what, login))
            .await
    }

    async fn try_login(&self, what: &'static str, login: &Login) -> Result<(), Error> {
        let body = whole(Full::new(Bytes::from(json(&auth(login))?)));
        let answer = raw_http::request(&self.socket, Method::POST, "/auth", "application/json", body).await?;
        let status = answer.0.status();
        if status.is_success() {
            return Ok(());
        }
        let told = Answers::of(answer).next(what).await?.unwrap_or_default();
        let words = told.message;
        let is_denied = status == StatusCode::UNAUTHORIZED || words.as_deref().is_some_and(is_denial);
        Err(match Error::refused(what, status, words) {
            Error::Api { message, .. } if is_denied => Error::Denied(message),
            refused => refused,
        })
    }

    async fn ask_registry(&self, method: Method, path: &str, login: Option<&Login>) -> Result<Answer, Error> {
        let request = Request::builder().method(method).uri(path);
        let request = match login {
            Some(login) => request.header("X-Registry-Auth", header(login)?),
            None => request,
        };
        raw_http::send(&self.socket, request, whole(Empty::new())).await
    }
}

fn tag(image: &ImageRef) -> &str {
    image.tag().unwrap_or("latest")
}

fn whole(
    body: impl hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + Sync + 'static,
) -> BoxBody<Bytes, std::io::Error> {
    BodyExt::boxed(body.map_err(|never| match never {}))
}

/// What an answer tells, a line each.
struct Answers {
    answer: Answer,
    read: Vec<u8>,
    ended: bool,
}

impl Answers {
    fn of(answer: Answer) -> Self {
        Self {
            answer,
            read: Vec::new(),
            ended: false,
        }
    }

    async fn next(&mut self, what: &'static str) -> Result<Option<RegistryMessage>, Error> {
        loop {
            let end = self.read.iter().position(|byte| *byte == b'\n');
            let end = end.map(|end| end + 1).or(self.ended.then_some(self.read.len()));
            if let Some(end) = end {
                let line: Vec<u8> = self.read.drain(..end).collect();
                let line = line.trim_ascii();
                if !line.is_empty() {
                    let unreadable = |_| Error::Unexpected {
                        what,
                        answer: String::from_utf8_lossy(line).into_owned(),
                    };
                    return serde_json::from_slice(line).map(Some).map_err(unreadable);
                }
                if self.ended {
                    return Ok(None);
                }
                continue;
            }
            match self.answer.0.body_mut().frame().await {
                Some(frame) => {
                    let frame = frame.map_err(|error| Error::answer(what, error))?;
                    self.read
                        .extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                }
                None => self.ended = true,
            }
        }
    }
}

fn refused(what: &'static str, image: &ImageRef, status: StatusCode, words: String) -> Error {
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || is_denial(&words) {
        Error::Denied(words)
    } else if status == StatusCode::NOT_FOUND || words.contains("manifest unknown") {
        Error::NotFound {
            what,
            id: image.to_string(),
        }
    } else {
        Error::Api { what, message: words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_written_in_the_alphabet_that_the_engine_reads_and_is_shown_without_its_password() {
        let login = Login {
            registry: "docker.io".to_owned(),
            username: "me".to_owned(),
            password: "?>~???>>>~~~".to_owned(),
        };
        let header = header(&login).expect("a header");
        assert!(
            header.contains(['-', '_']) && !header.contains(['+', '/']),
            "{header}"
        );
        let plain = URL_SAFE.decode(header).expect("base64");
        assert_eq!(
            String::from_utf8_lossy(&plain),
            r#"{"username":"me","password":"?>~???>>>~~~","serveraddress":"https://index.docker.io/v1/"}"#
        );
        assert_eq!(format!("{login:?}"), "Login(me at docker.io)");
    }
}
