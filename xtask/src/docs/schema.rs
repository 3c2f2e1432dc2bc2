//! `docs/gokku.schema.json`: what a `gokku.yml` may be, for editors.

use gokku_core::config::gokku_yml::schema::schema;

/// The file.
pub(super) fn page() -> Result<String, String> {
    let text = serde_json::to_string_pretty(&schema()).map_err(|error| format!("the schema: {error}"))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gokku_core::config::gokku_yml::KEYS;
    use serde_json::Value;

    use super::*;

    /// The keys below a schema, as the reference has them.
    fn keys(schema: &Value, path: &str, names: &[&str], found: &mut BTreeSet<String>) {
        if let Some(items) = schema.get("items") {
            let name = if items.get("properties").is_some() {
                "[]"
            } else {
                ""
            };
            return keys(items, &format!("{path}{name}"), names, found);
        }
        let entry = schema
            .get("additionalProperties")
            .filter(|entry| entry.is_object());
        if let Some(entry) = entry {
            let (first, rest) = names.split_first().expect("a name for each");
            return keys(entry, &format!("{path}.{first}"), rest, found);
        }
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            found.insert(path.trim_start_matches('.').to_owned());
            return;
        };
        assert_eq!(
            schema.get("additionalProperties"),
            Some(&Value::Bool(false)),
            "{path}"
        );
        for (key, value) in properties {
            let names = match key.as_str() {
                "env" | "args" => &["<NAME>"][..],
                "processes" => &["<type>"],
                _ => names,
            };
            keys(value, &format!("{path}.{key}"), names, found);
        }
    }

    #[test]
    fn the_schema_and_the_reference_have_the_same_keys() {
        let schema = schema();
        let mut found = BTreeSet::new();
        keys(
            &schema["properties"]["apps"]["additionalProperties"],
            "",
            &[],
            &mut found,
        );
        keys(&schema["properties"]["docker"], "docker", &[], &mut found);
        let known: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
        assert_eq!(found, known);
        let mut defaults = BTreeSet::new();
        keys(&schema["properties"]["defaults"], "", &[], &mut defaults);
        defaults.insert("docker.registry".to_owned());
        assert_eq!(defaults, known);
    }

    #[test]
    fn each_key_is_described() {
        let text = page().unwrap();
        for key in KEYS {
            let meaning = serde_json::to_string(key.meaning).unwrap();
            assert!(text.contains(meaning.trim_matches('"')), "{}", key.path);
        }
    }
}
