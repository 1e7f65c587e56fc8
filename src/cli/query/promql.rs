//! A question in PromQL, at a time or over a range.

use std::io::Write;

use serde_json::Value;

use super::{
    Failure, Output, Parameters, QueryArgs, ask, empty_result, plan_text, result_table, runtime, stderr, time,
};

/// Without --step, a range has about this many steps: a screenful.
const ROWS: f64 = 60.0;

/// Asks, and prints the answer.
pub(super) fn run(args: &QueryArgs) -> Result<(), Failure> {
    let (mut path, mut parameters) = parameters(args)?;
    let planned = args.explain || args.analyze;
    if planned {
        path = "/api/v1/explain";
        parameters.push(("analyze", args.analyze.to_string()));
    }
    let server = args.server.url()?;
    let runtime = runtime()?;
    let (answer, body) = runtime.block_on(ask(&server, path, &parameters))?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(Failure::Said(explain(&args.expr, error)));
    }
    for annotation in ["warnings", "infos"].iter().filter_map(|kind| answer.get(kind)?.as_array()).flatten() {
        stderr::say(annotation.as_str().unwrap_or_default());
    }
    let mut out = std::io::stdout().lock();
    match args.output {
        Output::Json => {
            out.write_all(&body)?;
            out.write_all(b"\n")?;
        }
        Output::Table => {
            let data = answer.get("data").unwrap_or(&Value::Null);
            out.write_all(if planned { plan_text::render(data) } else { result_table::render(data) }.as_bytes())?;
            out.flush()?;
            if !planned && result_table::is_empty(data) {
                // On standard error: a program may read the answer line by line.
                for hint in runtime.block_on(empty_result::explain(&server, &args.expr, last_time(args)?)) {
                    stderr::say(&hint);
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// The path and the parameters of the request.
fn parameters(args: &QueryArgs) -> Result<(&'static str, Parameters), Failure> {
    let now = time::now();
    let mut parameters = vec![("query", args.expr.clone())];
    let Some(start) = &args.start else {
        if let Some(time) = &args.time {
            parameters.push(("time", time::parse(time, now)?.to_string()));
        }
        return Ok(("/api/v1/query", parameters));
    };
    let start = time::parse(start, now)?;
    let end = args.end.as_deref().map_or(Ok(now), |end| time::parse(end, now))?;
    let step = args.step.clone().unwrap_or_else(|| ((end - start) / ROWS).ceil().max(1.0).to_string());
    parameters.extend([("start", start.to_string()), ("end", end.to_string()), ("step", step)]);
    Ok(("/api/v1/query_range", parameters))
}

/// The time of the answer's last sample, in seconds since 1970.
fn last_time(args: &QueryArgs) -> Result<f64, Failure> {
    let now = time::now();
    args.time.as_ref().or(args.end.as_ref()).map_or(Ok(now), |time| time::parse(time, now))
}

/// The error, and where it has a position, that line of the query with a mark below it.
fn explain(expr: &str, error: &str) -> String {
    let error = error.strip_prefix("invalid parameter \"query\": ").unwrap_or(error);
    let mut parts = error.splitn(3, ':');
    let mut number = || parts.next()?.parse::<usize>().ok();
    let place = number().and_then(|line| Some((line, number()?)));
    let marked = place.and_then(|(line, column)| {
        let text = expr.lines().nth(line.checked_sub(1)?)?;
        // Columns count bytes; the mark goes below a character.
        let before = text.get(..column.checked_sub(1)?)?.chars().count();
        Some(format!("{error}\n  {text}\n  {}^", " ".repeat(before)))
    });
    marked.unwrap_or_else(|| error.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_error_points_into_the_query() {
        assert_eq!(
            explain("ü +\nfoo{", "invalid parameter \"query\": 2:5: parse error: unexpected end"),
            "2:5: parse error: unexpected end\n  foo{\n      ^"
        );
        assert_eq!(explain("\"ü\" + )", "1:8: x"), "1:8: x\n  \"ü\" + )\n        ^");
        for error in ["query timed out in x", "9:9: out of range", "1:0: no column"] {
            assert_eq!(explain("up", error), error);
        }
    }
}
