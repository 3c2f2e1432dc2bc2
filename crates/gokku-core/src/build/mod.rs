//! What an image is made from.
//!
//! - [`languages`]: a project without a Dockerfile
//! - [`image_sources`]: the images that a Dockerfile names, with [`official_images`]; [`links`]: where a link in code leads

pub mod image_sources;
pub mod languages;
pub mod links;
pub mod official_images;
