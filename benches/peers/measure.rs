//! What a process uses, from `/proc`, and how fast the machine is just now.

use std::{
    fs,
    hint::black_box,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::Fallible;

/// Ticks in a second of `/proc/PID/stat`: Linux' USER_HZ, the same on every machine this can run on.
const TICKS: f64 = 100.0;
/// A server is idle when it uses less than this share of a core …
const IDLE: f64 = 0.03;
/// … for this long.
const IDLE_FOR: Duration = Duration::from_secs(5);
/// And when it isn't by then, we go on.
const IDLE_LIMIT: Duration = Duration::from_secs(120);

/// Unix time (ms).
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// CPU seconds of all threads of a process, in user and kernel mode.
pub(crate) fn cpu_seconds(pid: u32) -> Fallible<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; what follows it is numbers. `utime` and `stime` are the 12th and 13th.
    let (_, rest) = stat.rsplit_once(')').ok_or("/proc/PID/stat without a name")?;
    let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS)
}

/// Likewise in nanoseconds' precision, of the threads that there are now.
pub(crate) fn precise_cpu_seconds(pid: u32) -> Fallible<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end in between; it is missed then.
        let stat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        sum += stat.split(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    }
    Ok(sum / 1e9)
}

/// Whether a process has ended and only waits for its parent to look.
pub(crate) fn has_ended(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// Resident memory in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

/// Resident memory of a process now and at its highest.
pub(crate) fn memory(pid: u32) -> Fallible<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1_024.0
    };
    Ok(Memory { now: mib("VmRSS:"), peak: mib("VmHWM:") })
}

/// Bytes that a directory takes on disk.
pub(crate) fn disk(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => disk(&entry.path()),
        // In units of 512 bytes, whatever the file system's blocks are.
        Ok(data) => data.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Bytes that a file or directory in `dir` takes on disk; 0 if it isn't there.
pub(crate) fn disk_of(dir: &Path, name: &str) -> u64 {
    let path = dir.join(name);
    if path.is_dir() { disk(&path) } else { path.metadata().map_or(0, |m| m.blocks() * 512) }
}

/// `name: bytes` of what is directly in a directory.
pub(crate) fn disk_parts(dir: &Path) -> String {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut parts: Vec<_> = entries
        .map(|e| {
            let name = e.file_name().to_string_lossy().into_owned();
            (disk_of(dir, &name), name)
        })
        .filter(|(size, _)| *size > 0)
        .collect();
    parts.sort_by(|a, b| b.cmp(a));
    parts.iter().take(6).map(|(size, name)| format!("{name} {size}")).collect::<Vec<_>>().join(", ")
}

/// Waits until a process has nothing more to do. Answers the CPU seconds it has used by then.
pub(crate) fn wait_idle(pid: u32) -> Fallible<f64> {
    let end = Instant::now() + IDLE_LIMIT;
    let mut before = cpu_seconds(pid)?;
    while Instant::now() < end {
        std::thread::sleep(IDLE_FOR);
        let now = cpu_seconds(pid)?;
        if now - before < IDLE * IDLE_FOR.as_secs_f64() {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// Nanoseconds that this thread has been on a CPU.
fn thread_time() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN)
}

/// CPU milliseconds that a fixed piece of work takes now: arithmetic, and walks through 8 MiB.
fn piece(words: &mut [u64]) -> f64 {
    let began = thread_time();
    let mut x = 88_172_645_463_325_252_u64;
    for _ in 0..1 << 20 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        words[x as usize & ((1 << 20) - 1)] ^= x;
    }
    black_box(words);
    (thread_time() - began) / 1e6
}

/// Does `work` and says what the fixed piece of work took beside it: the mean of pieces done a few times a second.
pub(crate) fn beside_yardstick<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let yardstick = scope.spawn(|| {
            let mut words = vec![0; 1 << 20];
            // The first one also pays for the memory.
            piece(&mut words);
            let (mut sum, mut pieces) = (0.0, 0.0);
            while !done.load(Ordering::Relaxed) {
                sum += piece(&mut words);
                pieces += 1.0;
                std::thread::sleep(Duration::from_millis(150));
            }
            sum / pieces
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, yardstick.join().unwrap_or(f64::NAN))
    })
}
