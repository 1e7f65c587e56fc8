//! Errors of a layer below, as they cross a seam.

use std::{error::Error, sync::Arc};

/// An error of a layer that whoever sees it doesn't know. What it says and what lies behind it stay; it is shared, because
/// one fault may be the answer to several requests.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Of `error`.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

/// Equal when they are the same error, not when they say the same.
impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading a block: {0}")]
    struct Below(#[source] io::Error);

    #[test]
    fn what_is_said_below_and_what_lies_behind_it_stay() {
        let cause = Cause::new(Below(io::ErrorKind::StorageFull.into()));
        assert!(cause.to_string().starts_with("reading a block: "), "{cause}");
        let behind = cause.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(behind.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert_eq!(Cause::from("no such series").to_string(), "no such series");
    }
}
