//! What a build is given by name: arguments, which stay in the image's history, and secrets, which stay nowhere.
//!
//! Nothing of an app's environment reaches a build unless `gokku.yml` names it as a secret.

use crate::app::name::AppName;
use crate::config::env_file::{EnvFile, EnvKey, EnvValue};
use crate::config::gokku_yml::{Placed, YmlError};

/// The arguments that gokku gives builds by itself: `path` and `binary_name`, and what keeps cache mounts apart.
pub const OWN_ARGS: [&str; 3] = ["APP_PATH", "BINARY_NAME", CACHES];

/// The argument that BuildKit reads as the beginning of the id of every cache mount.
pub const CACHES: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// The arguments that a Dockerfile need not name (Dockerfile reference, "Predefined ARGs"), in capitals; `BUILDKIT_…` are
/// for the builder itself.
const PREDEFINED: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SOURCE_DATE_EPOCH",
];

/// `build` in `gokku.yml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInputs {
    /// `build.args`, by their names; where they are is where their values are.
    pub args: Vec<(EnvKey, Placed<String>)>,
    /// `build.secrets`: variables of the app's environment.
    pub secrets: Vec<Placed<EnvKey>>,
}

impl BuildInputs {
    /// The secrets' values, which are the app's.
    pub fn secrets_of(&self, app: &AppName, env: &EnvFile) -> Result<Vec<(EnvKey, EnvValue)>, YmlError> {
        let value = |secret: &Placed<EnvKey>| {
            let name = &secret.value;
            let value = env.get(name.as_str()).ok_or_else(|| {
                secret.refused(format!(
                    "build.secrets: {app} has no {name}: `gokku config set {name}=… -a {app}` gives it one"
                ))
            })?;
            Ok((name.clone(), value.clone()))
        };
        self.secrets.iter().map(value).collect()
    }

    /// Refuses what a Dockerfile with this text does not use: it would do nothing, and a name may be misspelt.
    pub fn check_used(&self, dockerfile: &str, text: &str) -> Result<(), YmlError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // A name may have other letters in it, `discovery.type`.
        let has = |name: &EnvKey| {
            let ends = |beside: Option<char>| !beside.is_some_and(is_word);
            text.match_indices(name.as_str()).any(|(at, found)| {
                let (before, rest) = text.split_at(at);
                let after = rest.strip_prefix(found).unwrap_or_default();
                ends(before.chars().next_back()) && ends(after.chars().next())
            })
        };
        for (name, value) in &self.args {
            let given = PREDEFINED.contains(&name.as_str().to_uppercase().as_str())
                || name.as_str().starts_with("BUILDKIT_");
            if !given && !has(name) {
                return Err(value.refused(format!(
                    "build.args.{name} would do nothing: {dockerfile} has no `ARG {name}`"
                )));
            }
        }
        for secret in &self.secrets {
            let name = &secret.value;
            if !has(name) {
                return Err(secret.refused(format!(
                    "build.secrets: {name} would do nothing: {dockerfile} has no `RUN --mount=type=secret,id={name} …`, which is how it reads it"
                )));
            }
        }
        Ok(())
    }

    /// Refuses all of it, for a Dockerfile that gokku writes.
    pub fn check_none(&self) -> Result<(), YmlError> {
        let own = "the Dockerfile that gokku writes does not use it. Take that over, `gokku build --print -a APP > Dockerfile`, and use it there";
        if let Some(secret) = self.secrets.first() {
            return Err(secret.refused(format!("build.secrets: {} would do nothing: {own}", secret.value)));
        }
        match self.args.first() {
            Some((name, value)) => Err(value.refused(format!("build.args.{name} would do nothing: {own}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::config::gokku_yml::{GokkuYml, YmlErrors};

    fn told(build: &str, dockerfile: Option<&str>) -> String {
        let text = format!("apps:\n  api:\n    build: {build}\n");
        let parsed = GokkuYml::parse("gokku.yml", &text).and_then(|yml| {
            let build = &yml.app(&"api".parse().unwrap()).unwrap().given;
            let checked = match dockerfile {
                Some(text) => build.check_used("Dockerfile", text),
                None => build.check_none(),
            };
            checked.map_err(|error| YmlErrors(vec![error]))
        });
        parsed
            .err()
            .map_or_else(|| "good".to_owned(), |error| error.to_string())
    }

    #[test]
    fn what_a_dockerfile_does_not_use_is_refused() {
        let uses = Some("FROM scratch\nARG NODE_ENV=x\nRUN --mount=type=secret,id=NPM_TOKEN npm ci\n");
        let all = [
            told("{args: {NODE_ENV: production}, secrets: [NPM_TOKEN]}", uses),
            told("{args: {http_proxy: a, BUILDKIT_INLINE_CACHE: 1}}", uses),
            told("{args: {NODE: production}}", uses),
            told("{secrets: [NPM]}", uses),
            told(
                "{secrets: [api.key]}",
                Some("RUN --mount=type=secret,id=api.key,target=/k x"),
            ),
            told(
                "{secrets: [api.ke]}",
                Some("RUN --mount=type=secret,id=api.key,target=/k x"),
            ),
            told("{}", None),
            told("{args: {NODE_ENV: production}}", None),
            told("{secrets: [NPM_TOKEN]}", None),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        good
        good
        gokku.yml:3:26: build.args.NODE would do nothing: Dockerfile has no `ARG NODE`
        gokku.yml:3:23: build.secrets: NPM would do nothing: Dockerfile has no `RUN --mount=type=secret,id=NPM …`, which is how it reads it
        good
        gokku.yml:3:23: build.secrets: api.ke would do nothing: Dockerfile has no `RUN --mount=type=secret,id=api.ke …`, which is how it reads it
        good
        gokku.yml:3:30: build.args.NODE_ENV would do nothing: the Dockerfile that gokku writes does not use it. Take that over, `gokku build --print -a APP > Dockerfile`, and use it there
        gokku.yml:3:23: build.secrets: NPM_TOKEN would do nothing: the Dockerfile that gokku writes does not use it. Take that over, `gokku build --print -a APP > Dockerfile`, and use it there
        ");
    }

    #[test]
    fn names_are_names_and_stand_once() {
        let all = [
            "{args: {A-B: x}}",
            "{args: {APP_PATH: x}}",
            "{args: {BUILDKIT_CACHE_MOUNT_NS: x}}",
            "{args: [A]}",
            "{args: {A: [x]}}",
            "{secrets: A}",
            "{secrets: [1 A]}",
            "{secrets: [A, B, A]}",
            "{args: {A: x}, secrets: [B, A]}",
            "{arg: {A: x}}",
        ];
        let all: Vec<String> = all.iter().map(|build| told(build, None)).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        gokku.yml:3:20: build.args: "A-B" is no name for a Dockerfile's ARG: it is letters, digits and _, not beginning with a digit
        gokku.yml:3:20: build.args: APP_PATH is what gokku itself says
        gokku.yml:3:20: build.args: BUILDKIT_CACHE_MOUNT_NS is what gokku itself says
        gokku.yml:3:19: expected keys and values (`key: value`)
        gokku.yml:3:23: expected one value
        gokku.yml:3:22: expected a list (`- item`)
        gokku.yml:3:23: build.secrets: "1 A" cannot be: it is a list of variables' names, each once and none of build.args
        gokku.yml:3:29: build.secrets: "A" cannot be: it is a list of variables' names, each once and none of build.args
        gokku.yml:3:40: build.secrets: "A" cannot be: it is a list of variables' names, each once and none of build.args
        gokku.yml:3:13: there is no key "arg" here: there is args, secrets; did you mean "args"?
        "#);
    }
}
