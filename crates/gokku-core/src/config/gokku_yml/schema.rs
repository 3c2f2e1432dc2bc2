//! The JSON Schema of `gokku.yml`, made of the types it is read with, so that editors complete and check it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::config::RestartPolicy;
use super::keys::KEYS;
use super::raw::{
    Argument, BinaryName, Bit, Cpus, File, FilePath, GoVersion, Goarch, Goos, HealthPath, Host, Memory, Pids,
    Port, RelativePath, Seconds, Switch, Variable, Whole,
};
use super::reading::{Given, List, Name, Named};
use crate::app::branch_name::BranchName;
use crate::app::name::{AppName, EnvironmentName};
use crate::config::app_protocol::AppProtocol;
use crate::config::env_file::EnvValue;
use crate::config::image_ref::ImageRef;
use crate::config::lang::Lang;
use crate::config::network_name::NetworkName;
use crate::config::privileges::Capability;
use crate::config::procfile::Command;
use crate::config::tcp_port::ProxyProtocol;
use crate::config::volume::Volume;
use crate::domains::domain::PlainHttp;
use crate::domains::name::DomainName;
use crate::domains::path::PathPrefix;
use crate::domains::redirect::RedirectTarget;

/// Returns the schema, in draft 7, which editors know; each key is described in the words of [`KEYS`].
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value();
    let app = |path: &str| vec![format!("apps.<app>.{path}"), format!("defaults.{path}")];
    without_null(&mut schema);
    if let Some(app) = at(&mut schema, "apps.<app>") {
        // An app of which nothing is said.
        app.insert("type".to_owned(), vec!["object", "null"].into());
    }
    for place in app("network") {
        if let Some(network) = at(&mut schema, &place) {
            // Its name alone will do.
            network.insert("type".to_owned(), vec!["object", "string"].into());
        }
    }
    for place in app("environments[].domains[]") {
        if let Some(domain) = at(&mut schema, &place) {
            // Its name alone will do.
            domain.insert("type".to_owned(), vec!["object", "string"].into());
        }
    }
    for key in KEYS {
        let places = if key.path.starts_with("docker.") {
            vec![key.path.to_owned()]
        } else {
            app(key.path)
        };
        for place in places {
            if let Some(found) = at(&mut schema, &place) {
                let without = match key.default {
                    "-" => String::new(),
                    default => format!(" Without it: {default}."),
                };
                let text = format!("{}. It may be {}.{without}", key.meaning, key.allowed);
                found.insert("description".to_owned(), text.into());
            }
        }
    }
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".to_owned(), "gokku.yml".into());
        top.insert("required".to_owned(), vec!["apps"].into());
    }
    schema
}

/// A key that is there has a value: what may be left away may not be `null`.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(keys) => {
            for (key, value) in keys.iter_mut() {
                match (key.as_str(), value) {
                    ("type", Value::Array(all)) => all.retain(|one| one != "null"),
                    ("enum", Value::Array(all)) => all.retain(|one| !one.is_null()),
                    (_, value) => without_null(value),
                }
            }
        }
        _ => {}
    }
}

/// Returns the schema of a key: `apps.<app>.environments[].name`.
pub fn at<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let mut here = schema;
    for part in path.replace("[]", ".[]").split('.') {
        here = match part {
            "[]" => here.get_mut("items")?,
            part if part.starts_with('<') => here.get_mut("additionalProperties")?,
            part => here.get_mut("properties")?.get_mut(part)?,
        };
    }
    here.as_object_mut()
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

impl<K: Name, T: JsonSchema> JsonSchema for Named<K, T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}_{}", K::PART, T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

impl<const LEAST: u16, const MOST: u16> JsonSchema for Whole<LEAST, MOST> {
    fn schema_name() -> Cow<'static, str> {
        format!("Whole_{LEAST}_{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// What one value may look like.
macro_rules! looks {
    ($($type:ty => $json:tt,)*) => {
        $(impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($json)
            }
        })*
    };
}

looks! {
    Argument => { "type": ["string", "number", "boolean"] },
    BinaryName => { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    Bit => { "enum": [true, false, 1, 0] },
    BranchName => { "type": "string" },
    Capability => { "type": "string", "pattern": "^[A-Za-z_]+$" },
    Command => { "type": "string" },
    DomainName => { "type": "string" },
    Cpus => { "type": ["number", "string"] },
    EnvValue => { "type": ["string", "number", "boolean"] },
    EnvironmentName => { "type": "string" },
    FilePath => { "type": "string", "pattern": "^[^/\\\\]" },
    GoVersion => { "type": ["string", "number"], "pattern": "^[0-9]+([.][0-9]+){0,2}$" },
    Goarch => { "enum": Goarch::ALL },
    Goos => { "enum": Goos::ALL },
    HealthPath => { "type": "string", "pattern": "^/" },
    Host => { "type": "string" },
    ImageRef => { "type": "string" },
    Lang => { "enum": Lang::ALL.map(Lang::as_str) },
    Memory => { "type": "string", "pattern": "^[0-9]+[bkmg]$" },
    AppName => { "type": "string" },
    NetworkName => { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]+$" },
    PathPrefix => { "type": "string", "pattern": "^/" },
    PlainHttp => { "enum": ["redirect", "keep"] },
    Pids => { "type": "integer", "minimum": 1, "maximum": 4_194_304 },
    Port => { "type": "string", "pattern": "^[0-9]+:[0-9]+(/tcp)?$" },
    ProxyProtocol => { "enum": ProxyProtocol::ALL.map(ProxyProtocol::as_str) },
    RedirectTarget => { "type": "string" },
    RelativePath => { "type": "string", "pattern": "^[^/\\\\]" },
    AppProtocol => { "enum": AppProtocol::ALL.map(AppProtocol::as_str) },
    RestartPolicy => { "enum": ["always", "on-failure", "no"] },
    Seconds => { "type": "integer", "minimum": 0, "maximum": u32::MAX },
    Switch => { "type": "boolean" },
    Variable => { "type": "string", "pattern": "^[^\\s='\"#][^\\s='\"]*$" },
    Volume => { "type": "string", "pattern": "^([^:]+:/[^:]+(:(ro|rw))?|/[^:]+:anonymous)$" },
}
