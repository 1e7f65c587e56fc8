//! Sends the requests of a [`Spool`], one connection and thread a shard, and says how that went.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::{
    Fallible,
    encode::{Shard, Spool},
    http::Connection,
};

/// Scrape rounds that a shard may be ahead of the slowest. Prometheus refuses samples an hour older than its newest.
const AHEAD: usize = 10;
/// Loading ends with an error when it takes longer.
const LIMIT: Duration = Duration::from_secs(1_200);

/// What sending took.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) seconds: f64,
    /// Of each request that was accepted (s), sorted.
    pub(crate) latencies: Vec<f64>,
    /// Answers that asked to try again.
    pub(crate) retries: usize,
}

impl Loaded {
    /// The latency that `share` of the requests stay under (ms).
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let at = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(f64::NAN, |s| s * 1e3)
    }
}

/// Sends everything to the server at `address`; each request waits for its answer.
pub(crate) fn send(spool: &Spool, address: &str) -> Fallible<Loaded> {
    let progress: Vec<AtomicUsize> = spool.shards.iter().map(|_| AtomicUsize::new(0)).collect();
    let began = Instant::now();
    let all = std::thread::scope(|scope| {
        let shards = spool.shards.iter().enumerate();
        let threads: Vec<_> = shards
            .map(|(mine, shard)| {
                let progress = &progress;
                scope.spawn(move || {
                    let sent = send_shard(shard, mine, progress, address, began + LIMIT);
                    // Whatever happened, nobody should wait for this one.
                    progress[mine].store(usize::MAX, Ordering::Relaxed);
                    sent
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().map_err(|_| "sending failed")?).collect::<Fallible<Vec<_>>>()
    })?;
    let mut loaded = Loaded { seconds: began.elapsed().as_secs_f64(), ..Loaded::default() };
    for shard in all {
        loaded.latencies.extend(shard.latencies);
        loaded.retries += shard.retries;
    }
    loaded.latencies.sort_by(f64::total_cmp);
    Ok(loaded)
}

fn send_shard(shard: &Shard, mine: usize, progress: &[AtomicUsize], address: &str, end: Instant) -> Fallible<Loaded> {
    let file = File::open(&shard.path)?;
    let mut connection = Connection::open(address)?;
    let (mut body, mut loaded) = (Vec::new(), Loaded::default());
    for request in &shard.requests {
        progress[mine].store(request.round, Ordering::Relaxed);
        while progress.iter().any(|other| request.round > other.load(Ordering::Relaxed).saturating_add(AHEAD)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        body.resize(request.len, 0);
        file.read_exact_at(&mut body, request.at)?;
        loop {
            if Instant::now() > end {
                return Err("loading took too long".into());
            }
            let began = Instant::now();
            let answer = connection.remote_write(&body)?;
            match answer.status {
                200 | 204 => {
                    loaded.latencies.push(began.elapsed().as_secs_f64());
                    break;
                }
                429 | 503 => {
                    loaded.retries += 1;
                    std::thread::sleep(Duration::from_millis(100));
                }
                status => return Err(format!("the server answered a write with {status}: {}", answer.text()).into()),
            }
        }
    }
    Ok(loaded)
}

/// Sends one round's requests.
pub(crate) fn send_round(spool: &Spool, address: &str, round: usize) -> Fallible<()> {
    let mut connection = Connection::open(address)?;
    let mut body = Vec::new();
    for shard in &spool.shards {
        let file = File::open(&shard.path)?;
        for request in shard.requests.iter().filter(|request| request.round == round) {
            body.resize(request.len, 0);
            file.read_exact_at(&mut body, request.at)?;
            let answer = connection.remote_write(&body)?;
            if !matches!(answer.status, 200 | 204) {
                return Err(format!("the server answered a write with {}: {}", answer.status, answer.text()).into());
            }
        }
    }
    Ok(())
}
