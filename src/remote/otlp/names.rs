//! Names of metrics: OpenTelemetry's `http.server.duration` in `ms` is `http_server_duration_milliseconds`.
//!
//! The rules, the table of units and their oddities (`kBy` is in no table, a rate per `m` is one per minute) are those of
//! Prometheus' translator, so that dashboards written for it find their metrics.

use super::settings::Strategy;

/// What a metric's points are, as far as its name depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    /// A value that goes up and down.
    Gauge,
    /// A sum that only grows.
    Counter,
    /// Anything else.
    Other,
}

const UNITS: [(&str, &str); 26] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];
const PER_UNITS: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// A unit as names spell it.
struct Unit {
    /// `bytes`
    main: String,
    /// `per_second`
    per: String,
}

impl Unit {
    fn new(unit: &str, escaped: bool) -> Self {
        let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
        let spelled = |part: &str, table: &[(&str, &str)]| {
            let part = part.trim();
            // What stands in braces is a remark.
            if part.contains(['{', '}']) {
                return String::new();
            }
            let known = table.iter().find(|(short, _)| *short == part).map_or(part, |(_, long)| long);
            if escaped { clean(known) } else { known.to_owned() }
        };
        let per = spelled(per, &PER_UNITS);
        Self { main: spelled(main, &UNITS), per: if per.is_empty() { per } else { format!("per_{per}") } }
    }
}

/// A unit as metadata and labels have it, whatever the strategy is.
pub(super) fn unit_text(unit: &str) -> String {
    let Unit { main, per } = Unit::new(unit, false);
    [tokens(&main), tokens(&per)].concat().join("_")
}

/// The name of a metric; `None` when nothing of it is left.
pub(super) fn metric_name(name: &str, unit: &str, kind: NameKind, strategy: Strategy) -> Option<String> {
    let built = match strategy {
        Strategy::NoTranslation => name.to_owned(),
        Strategy::UnderscoresWithoutSuffixes => {
            let parts = name.split(|c: char| !is_plain(c) && c != '_').filter(|part| !part.is_empty());
            digit_safe(parts.collect::<Vec<_>>().join("_"))
        }
        Strategy::UnderscoresWithSuffixes => digit_safe(from_tokens(name, unit, kind)),
        Strategy::Utf8WithSuffixes => with_suffixes(name, unit, kind),
    };
    (!built.is_empty()).then_some(built)
}

/// What stays in a name that is escaped, the underscore aside.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// A unit that is in no table: a run of other characters is an underscore, but for one at the beginning.
fn clean(unit: &str) -> String {
    let mut cleaned = String::with_capacity(unit.len());
    for c in unit.chars().map(|c| if is_plain(c) { c } else { '_' }) {
        if c != '_' || !(cleaned.is_empty() || cleaned.ends_with('_')) {
            cleaned.push(c);
        }
    }
    cleaned
}

fn tokens(name: &str) -> Vec<&str> {
    name.split(|c| !is_plain(c)).filter(|token| !token.is_empty()).collect()
}

fn digit_safe(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn from_tokens(name: &str, unit: &str, kind: NameKind) -> String {
    let Unit { main, per } = Unit::new(unit, true);
    let main = if per.is_empty() { main.as_str() } else { main.trim_end_matches('_') };
    let mut parts = tokens(name);
    for suffix in [main, &per] {
        if !suffix.is_empty() && !parts.contains(&suffix) {
            parts.push(suffix);
        }
    }
    let last = match kind {
        NameKind::Counter => Some("total"),
        NameKind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        parts.retain(|part| *part != last);
        parts.push(last);
    }
    parts.join("_")
}

fn with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    let Unit { main, per } = Unit::new(unit, false);
    let last = match kind {
        NameKind::Counter => "total",
        NameKind::Gauge if unit == "1" => "ratio",
        _ => "",
    };
    let mut built = name.to_owned();
    for suffix in [last, &per] {
        without(&mut built, suffix);
    }
    if !built.ends_with(&main) {
        built = format!("{built}_{main}");
    }
    for suffix in [&per, last] {
        if !suffix.is_empty() {
            built = format!("{built}_{suffix}");
        }
    }
    built
}

/// Cuts a suffix off, with the character before it, unless nothing would be left.
fn without(name: &mut String, suffix: &str) {
    if suffix.is_empty() {
        return;
    }
    let Some(begin) = name.strip_suffix(suffix) else { return };
    if let Some(between) = begin.chars().next_back() {
        let left = begin.len() - between.len_utf8();
        if left > 0 {
            name.truncate(left);
        }
    }
}

/// The label that an attribute becomes, where names are escaped; `None` when it would be none.
pub(super) fn label_name(key: &str, sanitize: bool, keep_underscores: bool) -> Option<String> {
    let valid = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let mut name: String = key.chars().map(valid).collect();
    if !keep_underscores {
        let reserved = name.len() > 4 && name.starts_with("__") && name.ends_with("__");
        let mut collapsed = String::with_capacity(name.len());
        for c in name.chars() {
            if c != '_' || !collapsed.ends_with('_') {
                collapsed.push(c);
            }
        }
        name = if reserved { format!("_{collapsed}_") } else { collapsed };
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "key_");
    } else if sanitize && name.starts_with('_') && !name.starts_with("__") {
        name.insert_str(0, "key");
    }
    name.contains(|c| c != '_').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(name: &str, unit: &str, kind: NameKind) -> Option<String> {
        metric_name(name, unit, kind, Strategy::UnderscoresWithSuffixes)
    }

    #[test]
    fn units_and_types_are_suffixes_unless_the_name_has_them() {
        let named = |name, unit, kind| built(name, unit, kind).unwrap();
        assert_eq!(named("io.read", "By", NameKind::Counter), "io_read_bytes_total");
        assert_eq!(named("io.bytes.read", "By", NameKind::Counter), "io_bytes_read_total");
        assert_eq!(named("total.runs", "", NameKind::Counter), "runs_total");
        assert_eq!(named("flow", "m/h", NameKind::Gauge), "flow_meters_per_hour");
        assert_eq!(named("fill", "1", NameKind::Gauge), "fill_ratio");
        assert_eq!(named("fill", "1", NameKind::Other), "fill");
        assert_eq!(named("queue", "{jobs}/s", NameKind::Gauge), "queue_per_second");
        assert_eq!(named("heat", "°C", NameKind::Gauge), "heat_C");
        assert_eq!(named("weight", "[lb_av]", NameKind::Gauge), "weight_lb_av_");
        assert_eq!(named("weight", "[lb_av]/s", NameKind::Gauge), "weight_lb_av_per_second");
        assert_eq!(named("_9", "", NameKind::Gauge), "_9");
        assert_eq!(built("..", "", NameKind::Gauge), None);
    }

    #[test]
    fn names_that_keep_their_characters_get_suffixes_too() {
        let named = |name, unit, kind| metric_name(name, unit, kind, Strategy::Utf8WithSuffixes).unwrap();
        assert_eq!(named("io.read-total", "By", NameKind::Counter), "io.read_bytes_total");
        assert_eq!(named("size.bytes", "By", NameKind::Gauge), "size.bytes");
        assert_eq!(named("fill.ratio", "1", NameKind::Gauge), "fill_ratio");
        assert_eq!(named("heat", "°C", NameKind::Gauge), "heat_°C");
        assert_eq!(named("total", "", NameKind::Counter), "total_total");
    }

    #[test]
    fn without_suffixes_underscores_stay() {
        let named = |name| metric_name(name, "s", NameKind::Counter, Strategy::UnderscoresWithoutSuffixes).unwrap();
        assert_eq!(named("a..b__c-"), "a_b__c");
        assert_eq!(named("_x"), "_x");
        assert_eq!(named("9x"), "_9x");
        assert_eq!(metric_name("ä b", "s", NameKind::Counter, Strategy::NoTranslation).unwrap(), "ä b");
    }

    #[test]
    fn labels_are_escaped_and_never_only_underscores() {
        let usual = |key| label_name(key, true, true);
        assert_eq!(usual("http.code").as_deref(), Some("http_code"));
        assert_eq!(usual("1st").as_deref(), Some("key_1st"));
        assert_eq!(usual("_x").as_deref(), Some("key_x"));
        assert_eq!(usual(".dot").as_deref(), Some("key_dot"));
        assert_eq!(usual("ä").as_deref(), Some("key_"));
        assert_eq!(usual("a..b").as_deref(), Some("a__b"));
        assert_eq!(usual("__y").as_deref(), Some("__y"));
        assert_eq!((usual(""), usual("__"), usual("..")), (None, None, None));
        let plain = |key| label_name(key, false, false);
        assert_eq!(plain("a..b").as_deref(), Some("a_b"));
        assert_eq!(plain("__y").as_deref(), Some("_y"));
        assert_eq!(plain("__z__").as_deref(), Some("__z__"));
        assert_eq!(plain(".dot").as_deref(), Some("_dot"));
        assert_eq!(plain("ä"), None);
    }
}
