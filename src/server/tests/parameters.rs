//! Wrong parameters are told apart in Prometheus' words.

use hyper::{Method, StatusCode};

use super::harness::{Server, some_series};

/// Paths, and the error they get: status 400, type bad_data.
const REFUSED: &[(&str, &str)] = &[
    (
        "query?query=up&time=abc",
        "invalid parameter \"time\": invalid time value for 'time': cannot parse \"abc\" to a valid timestamp",
    ),
    ("query?query=up&limit=abc", "invalid parameter \"limit\": strconv.Atoi: parsing \"abc\": invalid syntax"),
    ("query?query=up&limit=-1", "invalid parameter \"limit\": limit must be non-negative"),
    ("query?query=up&timeout=abc", "invalid parameter \"timeout\": cannot parse \"abc\" to a valid duration"),
    (
        "query?query=up&lookback_delta=abc",
        "error parsing lookback delta duration: cannot parse \"abc\" to a valid duration",
    ),
    ("query?query=%zz", "error parsing form values: invalid URL escape \"%zz\""),
    (
        "query_range?query=up&start=abc&end=1&step=1",
        "invalid parameter \"start\": cannot parse \"abc\" to a valid timestamp",
    ),
    ("query_range?query=up&end=1&step=1", "invalid parameter \"start\": cannot parse \"\" to a valid timestamp"),
    ("query_range?query=up&start=1&end=1", "invalid parameter \"step\": cannot parse \"\" to a valid duration"),
    ("query_range?query=up&start=1&end=1&step=x", "invalid parameter \"step\": cannot parse \"x\" to a valid duration"),
    (
        "query_range?query=up&start=1&end=1&step=0",
        "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
         Try a positive integer",
    ),
    (
        "query_range?query=up&start=1&end=1&step=-5",
        "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
         Try a positive integer",
    ),
    (
        "query_range?query=up&start=1&end=1&step=1e30",
        "invalid parameter \"step\": cannot parse \"1e30\" to a valid duration. It overflows int64",
    ),
    (
        "query_range?query=up&start=2&end=1&step=1",
        "invalid parameter \"end\": end timestamp must not be before start time",
    ),
    (
        "query_range?query=up&start=0&end=11001&step=1",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ),
    (
        "query_range?query=up&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z&step=1",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ),
    ("series", "no match[] parameter provided"),
    ("series?match[]={}", "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher"),
    (
        "series?match[]={a=~%22.*%22}",
        "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
    ),
    (
        "series?match[]=up&start=x",
        "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
    ),
    ("labels?match[]={}", "match[] must contain at least one non-empty matcher"),
    ("labels?match[]=a{", "1:3: parse error: unexpected end of input inside braces"),
    ("label/job/values?match[]=", "unknown position: parse error: unexpected end of input"),
    ("series?match[]=", "invalid parameter \"match[]\": unknown position: parse error: unexpected end of input"),
    (
        "query_range?query=up&start=1&end=20&step=NaN",
        "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
         Try a positive integer",
    ),
    (
        "query_range?query=up&start=1&end=20&step=0.0001",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ),
    ("labels?limit=x", "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax"),
    ("label/job/values?limit=-1", "invalid parameter \"limit\": limit must be non-negative"),
    ("metadata?limit=x", "limit must be a number"),
    ("metadata?limit_per_metric=x", "limit_per_metric must be a number"),
    ("query_exemplars?query=up&start=5&end=1", "end timestamp must not be before start timestamp"),
    ("status/tsdb?limit=0", "limit must be a positive number"),
    ("status/tsdb?limit=x", "limit must be a positive number"),
];

#[tokio::test]
async fn each_wrong_parameter_gets_prometheus_words() {
    let server = Server::start(some_series(1)).await;
    for (path, error) in REFUSED {
        let answer = server.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        let want = serde_json::json!({"status": "error", "errorType": "bad_data", "error": error});
        assert_eq!(answer.json(), want, "{path}");
    }
}

#[tokio::test]
async fn parse_errors_name_the_parameter_and_the_place() {
    let server = Server::start(some_series(1)).await;
    for (path, begins) in [
        ("query?query=foo(", "invalid parameter \"query\": 1:"),
        ("query?query=", "invalid parameter \"query\": unknown position: parse error: no expression found"),
        ("format_query?query=sum(", "invalid parameter \"query\": 1:"),
        ("series?match[]=up{", "invalid parameter \"match[]\": 1:"),
        ("series?match[]=up[5m]", "invalid parameter \"match[]\": 1:3: parse error"),
        ("query_exemplars?query=)", "1:2: parse error"),
    ] {
        let answer = server.get(&format!("/api/v1/{path}")).await;
        // An engine that can't parse yet would say 422.
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text());
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(begins), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_form_and_the_url_are_merged_and_the_form_counts_first() {
    let server = Server::start(some_series(3)).await;
    let answer = server.post_form("/api/v1/series?match[]=nothing&limit=1", "match[]=up&limit=2").await;
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
    // What isn't announced as a form is none.
    let text = [("content-type", "text/plain")];
    let answer = server.ask(Method::POST, "/api/v1/series", &text, b"match[]=up").await;
    assert_eq!(answer.json()["error"], "no match[] parameter provided");
}
