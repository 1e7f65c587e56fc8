//! Why a request may not do what it asks for.

use std::sync::Arc;

use hyper::{
    StatusCode,
    header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::Role;
use crate::{
    server::{Response, metrics, respond},
    telemetry::Throttle,
};

/// What clients are told to log in by.
const CHALLENGE: &str = "Basic realm=\"vctsdb\", charset=\"UTF-8\", Bearer realm=\"vctsdb\"";

/// Why a request may not do what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessRefusal {
    /// It names nobody.
    #[error("Unauthorized")]
    NoLogin,
    /// It names nobody who is known, or with a wrong password.
    #[error("Unauthorized")]
    Wrong,
    /// Whoever asks may do other things.
    #[error("{name:?} has the role {has}, and this needs the role {needed}")]
    Role {
        /// The user, or the token's name.
        name: Arc<str>,
        /// Its role.
        has: Role,
        /// What it should be.
        needed: Role,
    },
    /// Too many wrong logins came from this address.
    #[error("too many wrong logins, try again in {seconds} s")]
    Guessing {
        /// When the next may be tried.
        seconds: u64,
    },
    /// Too many logins wait for their turn.
    #[error("too many logins at once, try again later")]
    Busy,
}

impl AccessRefusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoLogin | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::Role { .. } => StatusCode::FORBIDDEN,
            Self::Guessing { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Counts it, and logs it once a minute for each kind, with the client and the path.
    pub(crate) fn observe(&self, client: &str, path: &str) {
        static LOGINS: Throttle = Throttle::each_minute();
        static ROLES: Throttle = Throttle::each_minute();
        static LOAD: Throttle = Throttle::each_minute();
        let (reason, throttle) = match self {
            Self::NoLogin | Self::Wrong => ("login", &LOGINS),
            Self::Role { .. } => ("role", &ROLES),
            Self::Guessing { .. } | Self::Busy => ("overload", &LOAD),
        };
        metrics::REFUSED.with_label_values(&[reason]).inc();
        if let Some(unsaid) = throttle.pass() {
            let why = if *self == Self::NoLogin { "it has no login".to_owned() } else { self.to_string() };
            let why = if *self == Self::Wrong { "its login is wrong".to_owned() } else { why };
            tracing::warn!(unsaid, client, path, why, "a request was refused; a sender may have lost samples by that");
        }
    }

    /// Adds what clients need to know to the answer.
    pub(crate) fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self {
            Self::NoLogin | Self::Wrong => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            Self::Guessing { seconds } => {
                headers.insert(RETRY_AFTER, respond::header(&seconds.to_string()));
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Role { .. } => {}
        }
    }
}
