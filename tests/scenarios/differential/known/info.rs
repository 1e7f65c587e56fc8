//! `info(…)` asked for less at a time.

use super::{
    super::{compare::difference, peers::When},
    Ask,
    answer::{exact, series},
};

/// Whether the labels that `info(…)` finds are the same when asked for one target at a time.
pub(super) fn same_for_each_target(text: &str, when: When, ask: Ask<'_>) -> bool {
    let targets = [("api", "0"), ("api", "1"), ("api", "2"), ("db", "0"), ("db", "1")];
    let inner = text.trim_start_matches("info(");
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    targets.iter().all(|(job, instance)| {
        let one = format!("info(({inner}) and on (job, instance) up{{job=\"{job}\",instance=\"{instance}\"}})");
        let (theirs, ours) = ask(&one, when);
        difference(&theirs, &ours).is_none()
    })
}

/// Likewise for one series of a plain selector at a time.
pub(super) fn same_for_each_series(text: &str, when: When, ask: Ask<'_>) -> bool {
    let inner = text.trim_start_matches("info(").strip_suffix(')').unwrap_or_default().to_owned();
    if !inner.ends_with('}') || inner.contains(['(', '[']) {
        return false;
    }
    let (theirs, ours) = ask(&inner, when);
    let all = series(&ours.1);
    theirs.0 == 200
        && difference(&theirs, &ours).is_none()
        && all.iter().all(|labels| {
            let (theirs, ours) = ask(&format!("info({{{}}})", exact(labels)), when);
            difference(&theirs, &ours).is_none()
        })
}

/// The expression without `offset` and `@`.
pub(super) fn without_modifiers(text: &str) -> String {
    let mut out = text.to_owned();
    for word in [" offset ", " @ "] {
        while let Some(at) = out.find(word) {
            let value = &out[at + word.len()..];
            let end = value.find([' ', ',', ']', '[']).unwrap_or(value.len());
            // The parentheses of `start()` belong to it, others don't.
            let end = value.find(')').map_or(end, |close| {
                let own = value[..close].ends_with('(');
                end.min(if own { close + 1 } else { close })
            });
            out.replace_range(at..at + word.len() + end, "");
        }
    }
    out
}

#[test]
fn modifiers_are_cut_out_whole() {
    let text = "a(x{y=\"z\"} offset -5m @ start(), (rate(b[5m] @ 1.5))[1m:1s] offset 1m)";
    assert_eq!(without_modifiers(text), "a(x{y=\"z\"}, (rate(b[5m]))[1m:1s])");
}
