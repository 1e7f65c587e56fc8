//! Why a request has no answer, and the status code that says so.
//!
//! This is the one place where the errors of the domains below become HTTP.

use hyper::{StatusCode, header::RETRY_AFTER};

use super::{Response, json, rejection_log::ErrorReason, respond, response_body::ResponseBody};
use crate::{
    promql::QueryError,
    seams::{admin::AdminError, interrupt::Interrupted, select::SelectError},
};

/// Seconds after which a client that met a server not ready, or full, should try again.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is wrong; another one may do.
    #[error("{0}")]
    BadData(String),
    /// The query is well formed, but can't be evaluated on this data or within its limits.
    #[error("{0}")]
    Execution(String),
    /// The client went away.
    #[error("{0}")]
    Canceled(String),
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// It is switched off.
    #[error("{0}")]
    Unavailable(String),
    /// Our fault.
    #[error("{0}")]
    Internal(String),
    /// The store is still opening (`stopping` false) or closing.
    #[error("Service Unavailable")]
    NotReady {
        /// Whether it is closing.
        stopping: bool,
    },
    /// More requests than there is memory for.
    #[error("too many requests at once, try again later")]
    Busy,
    /// A body that came too slowly while others needed its place.
    #[error("the request's body came too slowly while others waited for its place, try again later")]
    Evicted,
    /// A body whose sender paused too long, or trickled, where coming again is the thing to do.
    #[error("the request's body came too slowly, try again")]
    Slow,
    /// A request that takes more memory than any may.
    #[error(
        "the request takes at least {bytes} bytes of memory, and --memory leaves {most} for one: send it in smaller parts, \
         or give the server more memory"
    )]
    OverBudget {
        /// What it takes.
        bytes: u64,
        /// What there is.
        most: u64,
    },
    /// An answer in plain text, outside the envelope.
    #[error("{1}")]
    Plain(StatusCode, String),
    /// One of the others, and what was done nonetheless.
    #[error("{0}{1}")]
    After(Box<ApiError>, String),
}

impl ApiError {
    /// A parameter whose value doesn't do.
    pub(crate) fn invalid(parameter: &str, why: impl std::fmt::Display) -> Self {
        Self::BadData(format!("invalid parameter \"{parameter}\": {why}"))
    }

    /// The same in plain text, for routes whose answers people read in a terminal or a sender's log.
    pub(crate) fn plainly(self) -> Self {
        match self.kind() {
            (Some(_), status) => Self::Plain(status, self.to_string()),
            (None, _) => self,
        }
    }

    /// The same with a remark on what was done before, if there is any.
    pub(crate) fn after(self, done: &str) -> Self {
        if done.is_empty() { self } else { Self::After(Box::new(self), done.to_owned()) }
    }

    /// Whether the same request may be answered later.
    fn passes(&self) -> bool {
        match self {
            Self::NotReady { .. } | Self::Busy | Self::Evicted | Self::Slow => true,
            Self::After(error, _) => error.passes(),
            _ => false,
        }
    }

    /// A query that failed. Parse errors name the parameter that held it.
    pub(crate) fn query(parameter: &str, error: QueryError) -> Self {
        match error {
            QueryError::Parse { .. } | QueryError::Type(_) => Self::invalid(parameter, error),
            error => error.into(),
        }
    }

    /// Prometheus' error type and the status that goes with it; `None` for plain text.
    fn kind(&self) -> (Option<&'static str>, StatusCode) {
        match self {
            Self::BadData(_) => (Some("bad_data"), StatusCode::BAD_REQUEST),
            Self::Execution(_) => (Some("execution"), StatusCode::UNPROCESSABLE_ENTITY),
            // The number nginx gave to "client closed request"; only the access metrics ever see it.
            Self::Canceled(_) => (Some("canceled"), StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)),
            Self::Timeout(_) => (Some("timeout"), StatusCode::SERVICE_UNAVAILABLE),
            Self::Unavailable(_) => (Some("unavailable"), StatusCode::INTERNAL_SERVER_ERROR),
            Self::Internal(_) => (Some("internal"), StatusCode::INTERNAL_SERVER_ERROR),
            // Not 429: unless told otherwise Prometheus drops what is answered so, and retries after 503.
            Self::NotReady { .. } | Self::Busy | Self::Evicted | Self::Slow => (None, StatusCode::SERVICE_UNAVAILABLE),
            Self::OverBudget { .. } => (None, StatusCode::PAYLOAD_TOO_LARGE),
            Self::Plain(status, _) => (None, *status),
            Self::After(error, _) => error.kind(),
        }
    }

    /// The response that tells the client.
    pub(crate) fn into_response(self) -> Response {
        let text = self.to_string();
        let ((kind, status), passes) = (self.kind(), self.passes());
        let mut response = match kind {
            Some(kind) => {
                let mut body = b"{\"status\":\"error\",\"errorType\":".to_vec();
                json::string(&mut body, kind);
                body.extend_from_slice(b",\"error\":");
                json::string(&mut body, &text);
                body.push(b'}');
                let mut response = respond::json(ResponseBody::from(body));
                response.extensions_mut().insert(ErrorReason::new(&text));
                response
            }
            None => respond::text(status, text),
        };
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Self::NotReady { stopping } = self {
            headers.insert("x-prometheus-stopping", respond::header(if stopping { "true" } else { "false" }));
        }
        if passes {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        match error {
            QueryError::Parse { .. } | QueryError::Type(_) => Self::BadData(text),
            QueryError::Execution(_) | QueryError::Unsupported(_) => Self::Execution(text),
            // A retry helps, and this is the status that clients retry.
            QueryError::NoRoom(_) => Self::Timeout(text),
            QueryError::NotBrief => Self::Internal(text),
            QueryError::Timeout(_) => Self::Timeout(text),
            QueryError::Canceled(_) => Self::Canceled(text),
            QueryError::Select(error) => error.into(),
        }
    }
}

impl From<Interrupted> for ApiError {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::TimedOut => Self::Timeout(interrupted.to_string()),
            Interrupted::Canceled => Self::Canceled(interrupted.to_string()),
        }
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Interrupted(interrupted) => interrupted.into(),
            AdminError::Storage(_) => Self::Internal(error.to_string()),
            AdminError::Refused(text) => Self::Execution(text),
        }
    }
}

impl From<SelectError> for ApiError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Limit(text) => Self::Execution(text),
            SelectError::Interrupted(interrupted) => interrupted.into(),
            SelectError::Storage(_) => Self::Internal(error.to_string()),
        }
    }
}
