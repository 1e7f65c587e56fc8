//! The dashboard in InfluxQL: its variables and queries answer on a live server that Telegraf's lines were written to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    http_client::{escape, get, request},
    process::{Server, free_address, vctsdb},
};

/// The first line's time (s), of a full minute, and how many there are of each kind, one every 10 s.
const START: i64 = 1_700_000_040;
const LINES: i64 = 60;

/// What two machines' Telegraf sends at a time.
fn lines(i: i64) -> String {
    let at = (START + 10 * i) * 1_000_000_000;
    ["a", "b"].map(|host| {
        format!(
            "system,host={host} load1=0.5,load5=2,load15=1,n_cpus=4i {at}\n\
             system,host={host} uptime={}i,uptime_format=\"0:10\" {at}\n\
             processes,host={host} total=200i,blocked={}i,running=1i {at}\n\
             mem,host={host} used_percent=40.5,total=1000i {at}\n\
             swap,host={host} used_percent=1 {at}\n\
             disk,host={host},path=/,device=sda1,fstype=ext4,mode=rw used_percent=70 {at}\n\
             disk,host={host},path=/data,device=sdb1,fstype=ext4,mode=rw used_percent=85 {at}\n\
             diskio,host={host},name=sda read_bytes={}i,write_bytes={}i {at}\n\
             net,host={host},interface=eth0 bytes_recv={}i,bytes_sent={}i {at}\n\
             cpu,cpu=cpu-total,host={host} usage_user=20,usage_system=5,usage_iowait=1,usage_softirq=0,usage_steal=0,usage_idle=74 {at}\n\
             cpu,cpu=cpu0,host={host} usage_user=40,usage_system=5,usage_iowait=1,usage_softirq=0,usage_steal=0,usage_idle=54 {at}\n",
            1_000 + 10 * i, i % 3, 4_096 * i, 8_192 * i, 1_000 * i, 500 * i,
        )
    })
    .concat()
}

fn dashboard() -> Value {
    serde_json::from_str(include_str!("../../grafana/dashboards/telegraf.json")).unwrap()
}

/// The series of an answer: their names with tags and columns, and their rows.
fn ask(server: &Server, query: &str) -> Vec<(String, Vec<Vec<Value>>)> {
    let path = format!("/query?db=telegraf&epoch=ms&q={}", escape(query));
    let answer = get(&server.address, &path).unwrap();
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let json = answer.json();
    let result = &json["results"][0];
    assert!(result.get("error").is_none() && result.get("messages").is_none(), "{query}: {result}");
    let series = result["series"].as_array().cloned().unwrap_or_default();
    series
        .iter()
        .map(|series| {
            let named = format!("{} {} {}", series["name"], series["tags"], series["columns"]);
            let rows = series["values"].as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone());
            (named.replace('"', ""), rows.collect())
        })
        .collect()
}

#[test]
fn every_query_of_the_influxql_dashboard_answers_as_grafana_fills_it_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    let body: String = (0..LINES).map(lines).collect();
    let answer = request(&server.address, "POST", "/write?db=telegraf", &[], body.as_bytes()).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
    let dashboard = dashboard();
    // The variable: Grafana takes the column of values.
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let host = variables.iter().find(|variable| variable["name"] == "host").unwrap();
    let values: Vec<Value> = ask(&server, host["query"].as_str().unwrap())
        .iter()
        .flat_map(|(_, rows)| rows)
        .map(|row| row[1].clone())
        .collect();
    assert_eq!(values, ["a", "b"]);

    let range = format!("time >= {}ms and time <= {}ms", START * 1_000, (START + 10 * LINES - 10) * 1_000);
    let mut panels = BTreeMap::new();
    // One machine, several, and all: what Grafana makes of each choice in a regular expression.
    for (chosen, hosts) in [("a", 1), ("(a|b)", 2), (".*", 2)] {
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            for target in panel["targets"].as_array().unwrap() {
                let query = target["query"].as_str().unwrap();
                assert!(query.contains("$timeFilter"), "{title}: {query}");
                let query = query.replace("$timeFilter", &range).replace("$__interval", "1m").replace("$host", chosen);
                assert!(!query.replace("$/", "").contains('$'), "{title}: {query}");
                let series = ask(&server, &query);
                let of_hosts =
                    |host: &str| series.iter().filter(|(named, _)| named.contains(&format!("host:{host}"))).count();
                assert!(of_hosts("a") > 0 && (of_hosts("b") > 0) == (hosts == 2), "{title}: {query}: {series:?}");
                for (named, rows) in &series {
                    assert!(rows.iter().flatten().skip(1).any(Value::is_number), "{title}: {named}: {rows:?}");
                }
                panels.insert((title.to_owned(), target["refId"].to_string()), series);
            }
        }
    }
    let first = |title: &str, letter: &str| {
        let (_, rows) = &panels[&(title.to_owned(), format!("\"{letter}\""))][0];
        rows.iter().find(|row| row[1].is_number()).unwrap()[1].as_f64().unwrap()
    };
    for (title, letter, want) in [
        ("Load per CPU", "A", 0.5),
        ("Uptime", "A", 1_000.0 + 10.0 * (LINES - 1) as f64),
        ("Fullest file system", "A", 85.0),
        ("CPU", "A", 20.0),
        ("Busiest CPU", "A", 46.0),
        ("Disks", "A", 409.6),
        ("Disks", "B", -819.2),
        ("Network", "A", 100.0),
        ("Processes", "A", 200.0),
    ] {
        assert!((first(title, letter) - want).abs() < 1e-9, "{title} {letter}: {}", first(title, letter));
    }
}
