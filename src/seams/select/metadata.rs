//! Stored descriptions of metric families.

use crate::model::Metadata;

/// The stored metadata, for reading.
pub trait SelectMetadata: Send + Sync {
    /// Metadata of one metric family, or of all (`None`), by family name; a family may have several.
    fn metadata(&self, family: Option<&str>) -> Vec<Metadata>;
}
