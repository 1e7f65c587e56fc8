//! `vctsdb query EXPR`: asks a running server, in PromQL or in InfluxQL.

mod columns;
mod empty_result;
mod influxql;
mod plan_text;
mod promql;
mod result_table;

use clap::{Args, ValueEnum};
use hyper::body::Bytes;
use serde_json::Value;

use super::{
    Failure,
    client::{self, ServerArgs, ServerUrl},
    runtime, stderr, time,
};

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
    /// The PromQL expression, or with --influxql the statements.
    #[arg(value_name = "EXPR")]
    expr: String,

    /// Ask in InfluxQL: SELECT mean(usage_idle) FROM cpu WHERE time > now() - 1h GROUP BY time(5m).
    #[arg(long, conflicts_with_all = ["time", "start", "end", "step", "explain", "analyze"])]
    influxql: bool,

    /// The database of measurements that name none; prometheus is that of what Prometheus wrote.
    #[arg(long, requires = "influxql", value_name = "NAME")]
    db: Option<String>,

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
    if args.influxql { influxql::run(args) } else { promql::run(args) }
}

/// Names and values of a form.
type Parameters = Vec<(&'static str, String)>;

/// Posts the parameters to `path` of `server`, and gives the answer with its bytes. One that isn't JSON is a failure that shows it.
async fn ask(server: &ServerUrl, path: &str, parameters: &Parameters) -> Result<(Value, Bytes), Failure> {
    let form: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (status, body) = client::post(server, path, &form).await?;
    let Ok(answer) = serde_json::from_slice::<Value>(&body) else {
        let text = String::from_utf8_lossy(&body);
        return Err(Failure::Said(format!("{server}: {status}: {}", text.trim())));
    };
    if !status.is_success() && answer.get("error").is_none() {
        return Err(Failure::Said(format!("{server}: {status}: {answer}")));
    }
    Ok((answer, body))
}
