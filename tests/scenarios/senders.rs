//! A day of five senders on a server that is killed at random: what was acknowledged is what is stored.
//!
//! Time is virtual: each sender ships its scrapes of the last 24 hours, one every 15 seconds, as fast as they are taken.
//! `SENDERS_SCRAPES` (scrapes a request), `SENDERS_KILLS` and `SENDERS_SEED` make longer and other runs.

use std::{
    fmt::Write as _,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use prost::Message;
use vctsdb::remote::proto::{v1, v2};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, vctsdb},
    sender::now,
};

const SENDERS: usize = 5;
/// Of each sender; the last one of senders that speak 2.0 has native histograms.
const SERIES: usize = 4;
const SCRAPES: usize = 24 * 3_600 / 15;
const STEP: i64 = 15_000;

/// How a sender goes about it.
#[derive(Debug, Clone, Copy)]
struct Manner {
    v2: bool,
    /// Newest scrapes first.
    backwards: bool,
    /// A request that fails is sent again until it is acknowledged, as Prometheus does; else it is given up.
    retries: bool,
}

const MANNERS: [Manner; SENDERS] = [
    Manner { v2: false, backwards: false, retries: true },
    Manner { v2: true, backwards: false, retries: true },
    Manner { v2: false, backwards: true, retries: true },
    Manner { v2: true, backwards: false, retries: false },
    Manner { v2: false, backwards: false, retries: false },
];

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    /// It was on its way when the server died: stored or not, but not by half.
    Unknown,
}

fn number<T: FromStr>(variable: &str, default: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The value of a series' scrape: whole numbers, fractions, and numbers of no pattern.
fn value(series: usize, scrape: usize) -> f64 {
    match series {
        0 => scrape as f64,
        1 => scrape as f64 / 8.0,
        _ => ((scrape as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12) as f64,
    }
}

/// One request with these scrapes of all series of a sender.
fn body(sender: usize, begin: i64, scrapes: &[usize]) -> (&'static str, Vec<u8>) {
    let name = sender.to_string();
    let time = |scrape: usize| begin + scrape as i64 * STEP;
    let (kind, message) = if MANNERS[sender].v2 {
        let mut symbols: Vec<String> = ["", "__name__", "sent", "sender", &name, "series"].map(str::to_owned).to_vec();
        symbols.extend((0..SERIES).map(|series| series.to_string()));
        let series = (0..SERIES).map(|series| {
            let mut one = v2::TimeSeries { labels_refs: vec![1, 2, 3, 4, 5, 6 + series as u32], ..Default::default() };
            for &scrape in scrapes {
                if series == SERIES - 1 {
                    one.histograms.push(v2::Histogram {
                        count: Some(v2::histogram::Count::CountInt(scrape as u64)),
                        zero_count: Some(v2::histogram::ZeroCount::ZeroCountInt(0)),
                        positive_spans: vec![v2::BucketSpan { offset: 1, length: 1 }],
                        positive_deltas: vec![scrape as i64],
                        sum: scrape as f64,
                        timestamp: time(scrape),
                        ..Default::default()
                    });
                } else {
                    let value = value(series, scrape);
                    one.samples.push(v2::Sample { value, timestamp: time(scrape), ..Default::default() });
                }
            }
            one
        });
        let timeseries = series.collect();
        let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
        (kind, v2::Request { symbols, timeseries }.encode_to_vec())
    } else {
        let series = (0..SERIES).map(|series| v1::TimeSeries {
            labels: [("__name__", "sent"), ("sender", &name), ("series", &series.to_string())]
                .map(|(name, value)| v1::Label { name: name.into(), value: value.into() })
                .to_vec(),
            samples: scrapes
                .iter()
                .map(|&scrape| v1::Sample { value: value(series, scrape), timestamp: time(scrape) })
                .collect(),
            ..Default::default()
        });
        let timeseries = series.collect();
        ("application/x-protobuf", v1::WriteRequest { timeseries, ..Default::default() }.encode_to_vec())
    };
    (kind, snap::raw::Encoder::new().compress_vec(&message).unwrap())
}

/// Sends everything; gives the fate of each request. `count` goes up with every one that is over.
fn send_all(address: &str, sender: usize, begin: i64, requests: &[Vec<usize>], count: &AtomicUsize) -> Vec<Fate> {
    let manner = MANNERS[sender];
    let mut fates = vec![Fate::Unknown; requests.len()];
    let order: Vec<usize> =
        if manner.backwards { (0..requests.len()).rev().collect() } else { (0..requests.len()).collect() };
    for at in order {
        let (kind, body) = body(sender, begin, &requests[at]);
        let headers = [("Content-Type", kind), ("Content-Encoding", "snappy")];
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = request(address, "POST", "/api/v1/write", &headers, &body);
            match answer.map(|answer| (answer.status, answer.text())) {
                Ok((204, _)) => {
                    fates[at] = Fate::Acknowledged;
                    break;
                }
                Ok((503, _)) | Err(_) if manner.retries => {
                    assert!(Instant::now() < end, "sender {sender}: request {at} is not taken for a minute");
                    std::thread::sleep(Duration::from_millis(5));
                }
                // One of these senders would have given up on everything before the server is back.
                Ok((503, _)) | Err(_) => {
                    std::thread::sleep(Duration::from_millis(200));
                    break;
                }
                Ok((status, text)) => panic!("sender {sender}: {status} {text}"),
            }
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    fates
}

/// Which scrapes of a series are stored, having checked their values.
fn stored(address: &str, sender: usize, series: usize, begin: i64) -> Vec<bool> {
    let query = escape(&format!("sent{{sender=\"{sender}\",series=\"{series}\"}}[25h]"));
    let at = (begin + SCRAPES as i64 * STEP) / 1_000;
    let answer = get(address, &format!("/api/v1/query?query={query}&time={at}")).unwrap().json();
    let result = &answer["data"]["result"];
    let mut found = vec![false; SCRAPES];
    let (native, kind) =
        if MANNERS[sender].v2 && series == SERIES - 1 { (true, "histograms") } else { (false, "values") };
    for sample in result[0][kind].as_array().map_or(&[][..], Vec::as_slice) {
        let millis = (sample[0].as_f64().unwrap() * 1_000.0).round() as i64;
        let scrape = usize::try_from((millis - begin) / STEP).unwrap();
        assert_eq!(millis, begin + scrape as i64 * STEP, "a time that nobody sent");
        let text = if native { &sample[1]["count"] } else { &sample[1] };
        let want = if native { scrape as f64 } else { value(series, scrape) };
        let bits = text.as_str().unwrap().parse::<f64>().unwrap().to_bits();
        assert_eq!(bits, want.to_bits(), "sender {sender}, series {series}, scrape {scrape}: {text}");
        assert!(!std::mem::replace(&mut found[scrape], true), "scrape {scrape} is there twice");
    }
    found
}

#[test]
fn a_day_of_five_senders_is_stored_as_acknowledged_through_random_kills() {
    let per_request: usize = number("SENDERS_SCRAPES", 15);
    let kills: usize = number("SENDERS_KILLS", 6);
    let seed: u64 = number("SENDERS_SEED", 42);
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    // Little memory, so that there are flushes and merges to be killed in too.
    let options = ["--self-scrape.interval", "0", "--memory", "96MiB"];
    let server = Mutex::new(Some(vctsdb(&data, &address, &options)));
    let now = now();
    let begin = now - SCRAPES as i64 * STEP;
    let all: Vec<usize> = (0..SCRAPES).collect();
    let requests: Vec<Vec<usize>> = all.chunks(per_request).map(<[usize]>::to_vec).collect();
    let total = SENDERS * requests.len();
    let count = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();

    let (fates, killed) = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (address, requests, count) = (&address, &requests, &count);
                scope.spawn(move || send_all(address, sender, begin, requests, count))
            })
            .collect();
        // Kills are spread over the requests, wherever each of them happens to be then.
        let mut dice = seed | 1;
        let mut killed = 0;
        for kill in 0..kills {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let span = total / (kills + 1);
            let at = span / 2 + kill * span + (dice >> 33) as usize % span.max(1);
            let reached = || count.load(Ordering::Relaxed) >= at || senders.iter().all(|sender| sender.is_finished());
            assert!(eventually(Duration::from_secs(600), reached), "the senders don't get on");
            std::thread::sleep(Duration::from_micros(dice >> 20 & 0x3fff));
            if senders.iter().all(|sender| sender.is_finished()) {
                break;
            }
            let mut server = server.lock().unwrap();
            server.take().unwrap().kill();
            *server = Some(vctsdb(&data, &address, &options));
            killed += 1;
        }
        (senders.into_iter().map(|sender| sender.join().unwrap()).collect::<Vec<_>>(), killed)
    });
    assert!(killed > kills / 2, "{killed} kills");
    let sending = started.elapsed();

    // Once more, so that nothing is there only because it is still in memory.
    let mut last: Server = server.into_inner().unwrap().unwrap();
    last.kill();
    drop(last);
    let last = vctsdb(&data, &address, &options);
    let mut told = String::new();
    for (sender, fates) in fates.iter().enumerate() {
        let acknowledged: usize =
            fates.iter().zip(&requests).filter(|(fate, _)| **fate == Fate::Acknowledged).map(|(_, r)| r.len()).sum();
        let found: Vec<Vec<bool>> = (0..SERIES).map(|series| stored(&last.address, sender, series, begin)).collect();
        for (at, (fate, scrapes)) in fates.iter().zip(&requests).enumerate() {
            let there: usize = found.iter().map(|series| scrapes.iter().filter(|s| series[**s]).count()).sum();
            let sent = SERIES * scrapes.len();
            let right = there == sent || there == 0 && *fate == Fate::Unknown;
            assert!(right, "sender {sender}, request {at}: {fate:?}, and {there} of {sent} samples are stored");
        }
        let counts: Vec<usize> = found.iter().map(|series| series.iter().filter(|there| **there).count()).collect();
        if MANNERS[sender].retries {
            assert_eq!(counts, [SCRAPES; SERIES], "sender {sender} gave nothing up");
        }
        let _ = write!(told, "\n  sender {sender}: {acknowledged} a series acknowledged, stored {counts:?}");
    }
    println!(
        "{total} requests of {per_request} scrapes, {killed} kills, {:.1} s sending:{told}",
        sending.as_secs_f64()
    );
}
