//! What engines answer to `GET /system/df`: read as it is, in the shapes of all their versions.
//!
//! Up to API 1.51 there are `Images` and `BuildCache`; from 1.52 on (moby's `api/swagger.yaml`, `ImagesDiskUsage` and
//! `BuildCacheDiskUsage`) the same stands in `ImageUsage.Items` and `BuildCacheUsage.Items`, and in the old places only for
//! those who do not ask for `verbose`. An image's `Size` is its whole size in all of them; `VirtualSize`, up to 1.43, is the same
//! number again. What was not measured is -1.

use gokku_core::ImageId;
use gokku_core::containers::usage::{ImageUsage, Usage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    images: Option<Vec<Image>>,
    build_cache: Option<Vec<Cache>>,
    image_usage: Option<Items<Image>>,
    build_cache_usage: Option<Items<Cache>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Items<T> {
    items: Option<Vec<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default)]
    size: i64,
    #[serde(default)]
    shared_size: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cache {
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    size: i64,
}

/// Reads an answer.
pub(crate) fn read(answer: &[u8]) -> Result<Usage, serde_json::Error> {
    let answer: Answer = serde_json::from_slice(answer)?;
    let images = answer.image_usage.and_then(|usage| usage.items).or(answer.images);
    let cache = answer.build_cache_usage.and_then(|usage| usage.items);
    let cache = cache.or(answer.build_cache);
    let bytes = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Usage {
        images: images
            .unwrap_or_default()
            .into_iter()
            .map(|image| {
                let usage = ImageUsage {
                    whole: bytes(image.size),
                    shared: bytes(image.shared_size),
                };
                (ImageId::new(image.id), usage)
            })
            .collect(),
        cache: cache
            .unwrap_or_default()
            .iter()
            .filter(|record| !record.shared)
            .map(|record| bytes(record.size))
            .sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(letter: char) -> String {
        format!("sha256:{}", letter.to_string().repeat(64))
    }

    /// What engines answer, without what is not read: two images with a layer in common, and two records of the build
    /// cache, one of which images hold.
    fn answers() -> Vec<(&'static str, String)> {
        let image = |id: &str, shared: i64, more: &str| {
            format!(
                r#"{{"Containers":0,"Created":1795998184,"Id":"{id}","Labels":{{"x":"y"}},"ParentId":"","RepoDigests":null,"RepoTags":["api:1"],"SharedSize":{shared},"Size":5000000{more}}}"#
            )
        };
        let images = |shared, more| {
            let all = [id('a'), id('b')].map(|id| image(&id, shared, more));
            format!("[{}]", all.join(","))
        };
        let record = |shared: bool, size: u32| {
            format!(
                r#"{{"ID":"te8rq3i3eqh41zr8mplg6xlgh","Type":"regular","Description":"[2/2] COPY app /app","InUse":false,"Shared":{shared},"Size":{size},"CreatedAt":"2026-11-30T00:23:04.382818752Z","LastUsedAt":null,"UsageCount":1}}"#
            )
        };
        let cache = format!("[{},{}]", record(true, 3_000_000), record(false, 40_000));
        let old = images(2_000_000, r#","VirtualSize":5000000"#);
        let new = images(2_000_000, "");
        // With containerd's image store there is more of it.
        let stored = images(
            2_000_000,
            r#","Descriptor":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":694}"#,
        );
        vec![
            (
                "20.10, API 1.41",
                format!(
                    r#"{{"LayersSize":8000000,"Images":{old},"Containers":[],"Volumes":[],"BuildCache":{cache},"BuilderSize":3040000}}"#
                ),
            ),
            (
                "26.1, API 1.45",
                format!(
                    r#"{{"LayersSize":8000000,"Images":{new},"Containers":null,"Volumes":null,"BuildCache":{cache}}}"#
                ),
            ),
            (
                "28.5, API 1.51",
                format!(
                    r#"{{"LayersSize":8000000,"Images":{new},"Containers":null,"Volumes":null,"BuildCache":{cache}}}"#
                ),
            ),
            (
                "28.5, containerd's store",
                format!(r#"{{"LayersSize":36112768,"Images":{stored},"BuildCache":{cache}}}"#),
            ),
            (
                "API 1.52, verbose",
                format!(
                    r#"{{"ImageUsage":{{"TotalCount":2,"TotalSize":8000000,"Reclaimable":6000000,"Items":{new}}},"BuildCacheUsage":{{"TotalCount":2,"TotalSize":3040000,"Items":{cache}}}}}"#
                ),
            ),
            (
                "API 1.52, for those who do not know it",
                format!(
                    r#"{{"LayersSize":8000000,"Images":{new},"BuildCache":{cache},"ImageUsage":{{"TotalCount":2,"TotalSize":8000000}},"BuildCacheUsage":{{"TotalCount":2,"TotalSize":3040000}}}}"#
                ),
            ),
        ]
    }

    #[test]
    fn every_engines_answer_is_understood() {
        for (engine, answer) in answers() {
            let usage = read(answer.as_bytes()).unwrap_or_else(|error| panic!("{engine}: {error}"));
            let [a, b] = ['a', 'b'].map(|letter| ImageId::new(id(letter)));
            assert_eq!(
                usage.images[&a],
                ImageUsage {
                    whole: 5_000_000,
                    shared: 2_000_000
                },
                "{engine}"
            );
            assert_eq!(usage.images[&a].alone(), 3_000_000, "{engine}");
            assert_eq!(usage.cache, 40_000, "{engine}");
            // The layer that they share counts once.
            assert_eq!(usage.together([&a, &b, &a]), 8_000_000, "{engine}");
            assert_eq!(usage.together([&b]), 5_000_000, "{engine}");
            assert_eq!(usage.together([]), 0, "{engine}");
        }
    }

    /// An app whose releases differ in nothing but their labels has an image nevertheless, and its size.
    #[test]
    fn images_that_share_everything_take_what_one_takes() {
        let image = |letter| format!(r#"{{"Id":"{}","SharedSize":3000003,"Size":3000003}}"#, id(letter));
        let answer = format!(r#"{{"Images":[{},{}]}}"#, image('a'), image('b'));
        let usage = read(answer.as_bytes()).expect("an answer");
        assert_eq!(usage.together(usage.images.keys()), 3_000_003);
        assert!(usage.images.values().all(|image| image.alone() == 0));
    }

    #[test]
    fn what_was_not_measured_is_nothing() {
        let rows = [
            (r#"{"Images":null,"BuildCache":null}"#, 0),
            ("{}", 0),
            (r#"{"Images":[{"Id":"sha256:a","SharedSize":-1,"Size":7}]}"#, 7),
            (r#"{"Images":[{"Id":"sha256:a","SharedSize":-1,"Size":-1}]}"#, 0),
            (r#"{"Images":[{"Id":"sha256:a"}]}"#, 0),
        ];
        for (answer, bytes) in rows {
            let usage = read(answer.as_bytes()).expect("an answer");
            assert_eq!(
                (usage.together(usage.images.keys()), usage.cache),
                (bytes, 0),
                "{answer}"
            );
        }
        assert!(read(b"[]").is_err());
    }
}
