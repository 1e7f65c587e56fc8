//! `vctsdb query EXPR`: asks a running server.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Failure, absence,
    client::{self, ServerUrl},
    plan, runtime, table, when,
};

/// Without --step, a range is asked for at about so many times: a screenful.
const ROWS: f64 = 60.0;

/// How the answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Aligned columns.
    Table,
    /// What the server answered.
    Json,
}

/// What to ask, and whom.
#[derive(Debug, Args)]
pub(super) struct QueryFlags {
    /// The PromQL expression.
    #[arg(value_name = "EXPR")]
    expr: String,

    /// The server to ask. NAME:PASSWORD@ may stand in front of its host. With https its certificate has to be signed by a CA that
    /// this machine trusts, or by one in the file that SSL_CERT_FILE names.
    #[arg(
        long,
        env = "VCTSDB_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:9201",
        value_name = "URL"
    )]
    server: String,

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

/// Asks and prints.
pub(super) fn run(flags: &QueryFlags) -> Result<(), Failure> {
    let (mut path, mut parameters) = parameters(flags)?;
    let planned = flags.explain || flags.analyze;
    if planned {
        path = "/api/v1/explain";
        parameters.push(("analyze", flags.analyze.to_string()));
    }
    let form: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server: ServerUrl = flags.server.parse().map_err(Failure::Said)?;
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
        return Err(Failure::Said(explain(&flags.expr, error)));
    }
    for remark in ["warnings", "infos"].iter().filter_map(|kind| answer.get(kind)?.as_array()).flatten() {
        super::output::say(remark.as_str().unwrap_or_default());
    }
    let mut out = std::io::stdout().lock();
    match flags.output {
        Output::Json => {
            out.write_all(&body)?;
            out.write_all(b"\n")?;
        }
        Output::Table => {
            let data = answer.get("data").unwrap_or(&Value::Null);
            out.write_all(if planned { plan::render(data) } else { table::render(data) }.as_bytes())?;
            out.flush()?;
            if !planned && table::is_empty(data) {
                // Beside the answer, which somebody may read line by line.
                for hint in runtime.block_on(absence::explain(&server, &flags.expr, asked_about(flags)?)) {
                    super::output::say(&hint);
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// Names and values of a form.
type Parameters = Vec<(&'static str, String)>;

/// The path and the parameters that say what the flags do.
fn parameters(flags: &QueryFlags) -> Result<(&'static str, Parameters), Failure> {
    let now = when::now();
    let mut parameters = vec![("query", flags.expr.clone())];
    let Some(start) = &flags.start else {
        if let Some(time) = &flags.time {
            parameters.push(("time", when::parse(time, now)?.to_string()));
        }
        return Ok(("/api/v1/query", parameters));
    };
    let start = when::parse(start, now)?;
    let end = flags.end.as_deref().map_or(Ok(now), |end| when::parse(end, now))?;
    let step = flags.step.clone().unwrap_or_else(|| ((end - start) / ROWS).ceil().max(1.0).to_string());
    parameters.extend([("start", start.to_string()), ("end", end.to_string()), ("step", step)]);
    Ok(("/api/v1/query_range", parameters))
}

/// The last time that the answer is about, in seconds since 1970.
fn asked_about(flags: &QueryFlags) -> Result<f64, Failure> {
    let now = when::now();
    flags.time.as_ref().or(flags.end.as_ref()).map_or(Ok(now), |time| when::parse(time, now))
}

/// The error, and where it has a position, the line of the query with a mark below it.
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
