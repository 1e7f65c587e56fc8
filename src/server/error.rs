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
    /// The request is wrong.
    #[error("{0}")]
    BadData(String),
    /// A parameter holds a query, or a selector, that can't be parsed.
    #[error("invalid parameter \"{parameter}\": {source}")]
    Parameter {
        /// The parameter's name.
        parameter: String,
        /// What is wrong with the query.
        source: QueryError,
    },
    /// A query failed.
    #[error(transparent)]
    Query(QueryError),
    /// A lookup failed.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Changing or copying the store failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Its deadline has passed, or its client has gone.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// It took too long.
    #[error("{0}")]
    Timeout(&'static str),
    /// It is switched off.
    #[error("{0}")]
    Unavailable(&'static str),
    /// A fault of the server itself.
    #[error("{0}")]
    Internal(String),
    /// The store is still opening (`stopping` false) or closing.
    #[error("Service Unavailable")]
    NotReady {
        /// Whether it is closing.
        stopping: bool,
    },
    /// There are more requests than memory for them.
    #[error("too many requests at once, try again later")]
    Busy,
    /// A body that came too slowly was evicted, as other requests needed its memory or its connection.
    #[error("the request's body came too slowly while others waited for its place, try again later")]
    Evicted,
    /// The sender of a body paused too long, or trickled; it should send it again.
    #[error("the request's body came too slowly, try again")]
    Slow,
    /// A request takes more memory than one may.
    #[error(
        "the request takes at least {bytes} bytes of memory, and --memory leaves {most} for one: send it in smaller parts, \
         or give the server more memory"
    )]
    OverBudget {
        /// The bytes that it takes.
        bytes: u64,
        /// The bytes that one request may take.
        most: u64,
    },
    /// An answer in plain text, outside the envelope.
    #[error("{1}")]
    Plain(StatusCode, String),
    /// One of the others, after something had been stored.
    #[error("{source}{stored}")]
    After {
        /// The error.
        source: Box<ApiError>,
        /// What had been stored, as a clause that follows the error.
        stored: String,
    },
}

impl ApiError {
    /// A parameter has a value that it can't have.
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

    /// The same, which says what had been stored before, if anything had.
    pub(crate) fn after(self, stored: &str) -> Self {
        if stored.is_empty() { self } else { Self::After { source: Box::new(self), stored: stored.to_owned() } }
    }

    /// Whether the same request may be answered later.
    fn is_retryable(&self) -> bool {
        match self {
            Self::NotReady { .. } | Self::Busy | Self::Evicted | Self::Slow => true,
            Self::After { source, .. } => source.is_retryable(),
            _ => false,
        }
    }

    /// A query that failed. Parse errors name the parameter that held it.
    pub(crate) fn query(parameter: &str, error: QueryError) -> Self {
        match error {
            source @ (QueryError::Parse { .. } | QueryError::Type(_)) => {
                Self::Parameter { parameter: parameter.to_owned(), source }
            }
            error => error.into(),
        }
    }

    /// Prometheus' error type and the status that goes with it; `None` for plain text.
    fn kind(&self) -> (Option<&'static str>, StatusCode) {
        match self {
            Self::BadData(_) | Self::Parameter { .. } => ErrorType::BadData.and_status(),
            Self::Query(error) => ErrorType::of_query(error).and_status(),
            Self::Select(error) => ErrorType::of_select(error).and_status(),
            Self::Admin(error) => ErrorType::of_admin(error).and_status(),
            Self::Interrupted(interrupted) => ErrorType::of_interrupted(*interrupted).and_status(),
            Self::Timeout(_) => ErrorType::Timeout.and_status(),
            Self::Unavailable(_) => ErrorType::Unavailable.and_status(),
            Self::Internal(_) => ErrorType::Internal.and_status(),
            // Not 429: by default Prometheus drops samples after a 429, and retries after a 503.
            Self::NotReady { .. } | Self::Busy | Self::Evicted | Self::Slow => (None, StatusCode::SERVICE_UNAVAILABLE),
            Self::OverBudget { .. } => (None, StatusCode::PAYLOAD_TOO_LARGE),
            Self::Plain(status, _) => (None, *status),
            Self::After { source, .. } => source.kind(),
        }
    }

    /// The response that tells the client.
    pub(crate) fn into_response(self) -> Response {
        let text = self.to_string();
        let ((kind, status), retryable) = (self.kind(), self.is_retryable());
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
        if retryable {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Select(error) => Self::Select(error),
            error => Self::Query(error),
        }
    }
}

/// Prometheus' types of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorType {
    BadData,
    Execution,
    NotFound,
    Canceled,
    Timeout,
    Unavailable,
    Internal,
}

impl ErrorType {
    fn of_query(error: &QueryError) -> Self {
        match error {
            QueryError::Parse { .. } | QueryError::Type(_) => Self::BadData,
            QueryError::Execution(_) | QueryError::Unsupported(_) => Self::Execution,
            // A retry helps, and this is the status that clients retry.
            QueryError::NoRoom(_) | QueryError::Timeout(_) => Self::Timeout,
            QueryError::Canceled(_) => Self::Canceled,
            QueryError::Select(error) => Self::of_select(error),
        }
    }

    fn of_select(error: &SelectError) -> Self {
        match error {
            SelectError::Limit(_) => Self::Execution,
            SelectError::Interrupted(interrupted) => Self::of_interrupted(*interrupted),
            SelectError::Storage(_) => Self::Internal,
        }
    }

    fn of_admin(error: &AdminError) -> Self {
        match error {
            AdminError::Interrupted(interrupted) => Self::of_interrupted(*interrupted),
            AdminError::Storage(_) => Self::Internal,
            AdminError::Refused(_) => Self::Execution,
            AdminError::NotFound(_) => Self::NotFound,
        }
    }

    fn of_interrupted(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::TimedOut => Self::Timeout,
            Interrupted::Canceled => Self::Canceled,
        }
    }

    /// Its name, and the status that goes with it.
    fn and_status(self) -> (Option<&'static str>, StatusCode) {
        let (name, status) = match self {
            Self::BadData => ("bad_data", StatusCode::BAD_REQUEST),
            Self::Execution => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            // The number that nginx gave to "client closed request"; only our metrics ever see it.
            Self::Canceled => ("canceled", StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)),
            Self::Timeout => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::Unavailable => ("unavailable", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        };
        (Some(name), status)
    }
}
