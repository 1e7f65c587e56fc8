//! `vctsdb query EXPR`: asks a running server.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Failure,
    client::{self, ServerArgs},
    empty_result, plan_text, result_table, runtime, time,
};

/// Without --step, a range has about this many steps: a screenful.
const ROWS: f64 = 60.0;

/// How the answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Aligned columns.
    Table,
    /// What the server answered.
    Json,
}

/// The question, and the server to ask.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The PromQL expression.
    #[arg(value_name = "EXPR")]
    expr: String,

    #[command(flatten)]
    server: ServerArgs,

    /// Evaluate at this time: -5m for five minutes ago, seconds since 1970, or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", conflicts_with_all = ["start", "end", "step"], allow_hyphen_values = true)]
    time: Option<String>,

    /// Evaluate from this time on …
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,

    /// … to this time [default: now] …
    #[arg(long, value_name = "TIME", requires = "start", allow_hyphen_values = true)]
    end: Option<String>,

    /// … every so often: seconds, or a duration such as 5m [default: a sixtieth of the range].
    #[arg(long, value_name = "DURATION", requires = "start")]
    step: Option<String>,

    /// Show how it is going to be evaluated, and don't.
    #[arg(long, conflicts_with = "analyze")]
    explain: bool,

    /// Evaluate it, and show how that went instead of the answer.
    #[arg(long)]
    analyze: bool,

    /// How to print the answer.
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Output,
}

/// Asks, and prints the answer.
pub(super) fn run(args: &QueryArgs) -> Result<(), Failure> {
    let (mut path, mut parameters) = parameters(args)?;
    let planned = args.explain || args.analyze;
    if planned {
        path = "/api/v1/explain";
        parameters.push(("analyze", args.analyze.to_string()));
    }
    let form: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = args.server.url()?;
    let runtime = runtime()?;
    let (status, body) = runtime.block_on(client::post(&server, path, &form))?;
    let Ok(answer) = serde_json::from_slice::<Value>(&body) else {
        let text = String::from_utf8_lossy(&body);
        return Err(Failure::Said(format!("{server}: {status}: {}", text.trim())));
    };
    if !status.is_success() && answer.get("error").is_none() {
        return Err(Failure::Said(format!("{server}: {status}: {answer}")));
    }
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(Failure::Said(explain(&args.expr, error)));
    }
    for annotation in ["warnings", "infos"].iter().filter_map(|kind| answer.get(kind)?.as_array()).flatten() {
        super::stderr::say(annotation.as_str().unwrap_or_default());
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
                    super::stderr::say(&hint);
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// Names and values of a form.
type Parameters = Vec<(&'static str, String)>;

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
