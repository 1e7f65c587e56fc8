//! How far a long command has come: a bar on a terminal, a line every few seconds elsewhere, both on standard error.

use std::{
    borrow::Cow,
    io::IsTerminal,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use super::{size::size, stderr};

/// Time between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);
/// Redraws a second on a terminal.
const REDRAWS: u8 = 5;

/// Counts bytes and shows them. Several threads may share it.
#[derive(Debug)]
pub(super) struct Progress {
    shown: Shown,
    /// All bytes there are, if that is known; 0 if not.
    total: AtomicU64,
    done: AtomicU64,
    begun: Instant,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// When the last line was written.
    Lines(Mutex<Instant>),
    Nothing,
}

impl Progress {
    /// Of `what`, which is a verb such as "importing"; `quiet` shows nothing.
    pub(super) fn new(what: &'static str, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REDRAWS));
            Shown::Bar(bar.with_style(style(false)).with_message(what))
        } else {
            Shown::Lines(Mutex::new(Instant::now()))
        };
        Self { shown, total: AtomicU64::new(0), done: AtomicU64::new(0), begun: Instant::now() }
    }

    /// Says how many bytes there are.
    pub(super) fn total(&self, bytes: u64) {
        self.total.store(bytes, Ordering::Relaxed);
        if let Shown::Bar(bar) = &self.shown {
            bar.set_style(style(bytes > 0));
            bar.set_length(bytes);
        }
    }

    /// Says that all bytes are read twice.
    pub(super) fn double(&self) {
        self.total(2 * self.total.load(Ordering::Relaxed));
    }

    /// Counts bytes that are done. What is looked at twice counts twice, but never for more than there is.
    pub(super) fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        match &self.shown {
            Shown::Bar(bar) => bar.set_position(self.capped(done)),
            Shown::Lines(last) => {
                let mut last = last.lock();
                if last.elapsed() >= PAUSE {
                    *last = Instant::now();
                    stderr::say(&line(self.capped(done), self.total.load(Ordering::Relaxed), self.begun.elapsed()));
                }
            }
            Shown::Nothing => {}
        }
    }

    fn capped(&self, done: u64) -> u64 {
        match self.total.load(Ordering::Relaxed) {
            0 => done,
            total => done.min(total),
        }
    }

    /// Bytes done, and of how many.
    #[cfg(test)]
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Says something that isn't wiped by the bar.
    pub(super) fn say(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| stderr::say(text)),
            _ => stderr::say(text),
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn style(with_total: bool) -> ProgressStyle {
    let template = if with_total {
        "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"
    } else {
        "{msg} {spinner} {bytes}, {bytes_per_sec}"
    };
    // The template is right, as the test below sees.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The line of so many bytes done in so long a time.
fn line(done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-3);
    let of: Cow<'_, str> = match total {
        0 => "".into(),
        total => format!(" of {} ({:.0} %)", size(total), 100.0 * done as f64 / total as f64).into(),
    };
    let left = match total.checked_sub(done) {
        Some(left) if total > 0 && done > 0 => format!(", about {:.0} s left", left as f64 / rate),
        _ => String::new(),
    };
    format!("{}{of}, {}/s{left}", size(done), size(rate as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_rate_and_where_it_is_known_the_time_left() {
        let second = Duration::from_secs(1);
        assert_eq!(line(1 << 20, 4 << 20, second), "1.0 MiB of 4.0 MiB (25 %), 1.0 MiB/s, about 3 s left");
        assert_eq!(line(1 << 20, 0, second), "1.0 MiB, 1.0 MiB/s");
        assert_eq!(line(0, 1 << 20, second), "0 bytes of 1.0 MiB (0 %), 0 bytes/s");
        for with_total in [true, false] {
            style(with_total);
        }
    }

    #[test]
    fn the_templates_of_the_bar_are_right() {
        for template in [
            "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            "{msg} {spinner} {bytes}, {bytes_per_sec}",
        ] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
