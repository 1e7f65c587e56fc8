use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    ingest::{Import, ImportLimits, Imported, OnError, detect::by_beginning, format_at, reader},
    model::Labels,
    seams::append::fake::{MemoryAppend, finished},
};

const NOW: i64 = 1_700_000_000_123;

/// What a client of InfluxDB declares, with parameters.
fn client(parameters: &[(&str, &str)]) -> Declared {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Declared { by_protocol: true, on_error: OnError::Skip, parameters, ..Declared::default() }
}

/// What became of a body that came in pieces of so many bytes: what was stored, and the faults with line and column.
fn post(
    body: &[u8],
    declared: &Declared,
    piece: usize,
    append: &MemoryAppend,
) -> (Result<Imported, ImportError>, Vec<String>) {
    let reader = reader(format_at(PATH), declared).unwrap();
    let mut import = Import::new(reader, declared, NOW, &ImportLimits::default(), append);
    let mut take = || {
        for piece in body.chunks(piece) {
            import.text().extend_from_slice(piece);
            while import.step()? {}
        }
        finished(import.finish())
    };
    let result = take();
    let faults = import.faults();
    let words = faults.first().iter().map(|fault| format!("{}:{}: {}", fault.line, fault.column, fault.why)).collect();
    (result, words)
}

/// Labels, time and bits of each sample.
fn samples(append: &MemoryAppend) -> Vec<(String, i64, u64)> {
    let batches = append.batches();
    let floats = batches.iter().flat_map(|batch| &batch.floats);
    floats.map(|s| (append.labels(s.series).unwrap().to_string(), s.time, s.value.to_bits())).collect()
}

fn stored_with(body: &str, parameters: &[(&str, &str)]) -> Vec<(String, i64, f64)> {
    let append = MemoryAppend::default();
    let (result, faults) = post(body.as_bytes(), &client(parameters), 1 << 20, &append);
    assert!(faults.is_empty() && result.is_ok(), "{body}: {result:?} {faults:?}");
    samples(&append).into_iter().map(|(labels, time, bits)| (labels, time, f64::from_bits(bits))).collect()
}

fn stored(body: &str) -> Vec<(String, i64, f64)> {
    stored_with(body, &[])
}

fn labels(pairs: &[(&str, &str)]) -> String {
    Labels::from_pairs(pairs.iter().copied()).unwrap().to_string()
}

#[test]
fn each_field_is_a_series_named_by_measurement_and_field() {
    let body = "cpu,host=a,region=eu usage_idle=98.5,procs=100i,up=t 1604067200000000000\n";
    let of = |name: &str| labels(&[("__name__", name), ("host", "a"), ("region", "eu")]);
    let time = 1_604_067_200_000;
    assert_eq!(
        stored(body),
        [(of("cpu_usage_idle"), time, 98.5), (of("cpu_procs"), time, 100.0), (of("cpu_up"), time, 1.0)]
    );
    let alone = |name: &str| labels(&[("__name__", name)]);
    assert_eq!(stored("temperature value=21.5 1\n"), [(alone("temperature"), 0, 21.5)]);
    assert_eq!(stored("°C value=1,a.b=2 0"), [(alone("°C"), 0, 1.0), (alone("°C_a.b"), 0, 2.0)]);
    assert_eq!(stored("m v=1,v=2 0")[1].2, 2.0, "of the same field twice the last counts");
    let up = labels(&[("__name__", "up"), ("job", "x")]);
    assert_eq!(stored("up,__name__=up,job=x value=1 0"), [(up, 0, 1.0)], "as InfluxDB wrote it for Prometheus");
}

#[test]
fn escapes_quotes_blanks_and_comments_are_read_as_influxdb_does() {
    let space = labels(&[("__name__", "my cpu,x=1_a=b c"), ("k,e y", "v=a,l \\n\"q\"")]);
    assert_eq!(stored("my\\ cpu\\,x=1,k\\,e\\ y=v\\=a\\,l\\ \\n\"q\" a\\=b\\ c=1 0"), [(space, 0, 1.0)]);
    let one = [(labels(&[("__name__", "m_v")]), 0, 1.0)];
    let sign = labels(&[("__name__", "m"), ("t", "=a"), ("u", "=")]);
    assert_eq!(stored("m,t==a,u== value=1 0"), [(sign, 0, 1.0)], "a value may begin with an equals sign");
    for body in [
        "m v=1 0",
        "m v=1 0\r\n",
        "  \t\0m v=1 0  \n",
        "m   v=1   0",
        "\n\r\n# comment \"=\n#\nm v=1 0\n \n",
        "m v=1,s=\"a b,c=d\" 0",
        "m s=\"two\nlines, \\\"quoted\\\" \\\\\",v=1 0",
        "m s=\"\",v=1 0\n# s=\"\n",
        "m v=1,time=5 0",
    ] {
        assert_eq!(stored(body), one, "{body:?}");
    }
    assert_eq!(stored("m,t=\"a v=1 0\nm,t=\"a v=2 1000000").len(), 2, "quotes of a tag are part of it");
    assert_eq!(stored("m \"v=1 0\nm \"v=2 1000000").len(), 2, "and those of a field's name");
}

#[test]
fn texts_are_counted_and_left_out_and_large_integers_rounded() {
    let append = MemoryAppend::default();
    let body = "m s=\"x\" 0\nm s=\"x\",v=9007199254740993i,t=\"y\" 0\n";
    let (result, faults) = post(body.as_bytes(), &client(&[]), 999, &append);
    assert_eq!(result.unwrap(), Imported { series: 1, samples: 1, texts: 3, rounded: 1, ..Imported::default() });
    assert!(faults.is_empty(), "{faults:?}");
    let (result, _) = post(b"m s=\"x\" 0\n", &client(&[]), 999, &append);
    assert_eq!(result.unwrap().samples, 0, "a point of texts alone is fine");
}

#[test]
fn times_count_in_the_precision_and_are_rounded_down() {
    for (precision, time, ms) in [
        ("", 1_604_067_200_000_999_999i64, 1_604_067_200_000),
        ("n", -1, -1),
        ("ns", 1_000_000, 1),
        ("u", 1_999, 1),
        ("us", -1, -1),
        ("ms", 5, 5),
        ("s", -2, -2_000),
        ("m", 2, 120_000),
        ("h", 2, 7_200_000),
    ] {
        assert_eq!(stored_with(&format!("m v=1 {time}"), &[("precision", precision)])[0].1, ms, "{precision}");
    }
    for (precision, now) in
        [("", NOW), ("ms", NOW), ("s", 1_700_000_000_000), ("m", 1_699_999_980_000), ("h", 1_699_999_200_000)]
    {
        assert_eq!(stored_with("m v=1", &[("precision", precision)])[0].1, now, "{precision}");
    }
    let why = reader(format_at(PATH), &client(&[("precision", "x")])).err().unwrap().to_string();
    assert_eq!(why, "invalid precision \"x\" (use n, u, ms, s, m or h)");
}

#[test]
fn a_database_is_a_label_but_for_the_one_that_prometheus_writes_to() {
    let name = |parameters: &[(&str, &str)]| stored_with("m value=1 0", parameters)[0].0.clone();
    let of = |database: &str| labels(&[("__name__", "m"), ("influx_db", database)]);
    let none = labels(&[("__name__", "m")]);
    assert_eq!(name(&[("db", "home"), ("rp", "autogen")]), of("home"));
    assert_eq!(name(&[("db", "home"), ("rp", ""), ("u", "root"), ("p", "root")]), of("home"));
    assert_eq!(name(&[("bucket", "home/autogen"), ("org", "x")]), of("home"));
    assert_eq!(name(&[("bucket", "home")]), of("home"));
    assert_eq!(name(&[("db", "prometheus")]), none);
    assert_eq!(name(&[]), none);
    let append = MemoryAppend::default();
    for database in ["a", "b", "a"] {
        post(b"m value=1 0", &client(&[("db", database)]), 999, &append).0.unwrap();
    }
    let found: Vec<String> = samples(&append).into_iter().map(|(labels, ..)| labels).collect();
    assert_eq!(found, [of("a"), of("b"), of("a")], "what is remembered of one is nothing to another");
    for (parameters, says) in [
        (&[("db", "x"), ("rp", "week")][..], "retention policy not found: week"),
        (&[("bucket", "x/week")], "retention policy not found: week"),
        (&[("db", "x"), ("consistency", "most")], "invalid consistency level"),
        (&[("database", "x")], "unknown parameter \"database\""),
    ] {
        let why = reader(format_at(PATH), &client(parameters)).err().unwrap().to_string();
        assert!(why.contains(says), "{parameters:?}: {why}");
    }
}

/// Lines that are wrong, the column, and what is said.
const WRONG: &[(&str, usize, &str)] = &[
    ("cpu", 4, "missing fields"),
    ("cpu ", 5, "missing fields"),
    ("cpu,host=a", 11, "missing fields"),
    (",host=a v=1", 1, "missing measurement"),
    ("cpu, v=1", 5, "missing tag key"),
    ("cpu,=a v=1", 5, "missing tag key"),
    ("cpu,host v=1", 9, "missing tag value"),
    ("cpu,host= v=1", 10, "missing tag value"),
    ("cpu,host=a, v=1", 12, "missing tag key"),
    ("cpu,host=a=b v=1", 11, "invalid tag format"),
    ("cpu,host===a v=1", 11, "invalid tag format"),
    ("cpu,a=1,b=2,a=3 v=1", 1, "duplicate tags"),
    ("cpu =1", 5, "missing field key"),
    ("cpu v=1,=2", 9, "missing field key"),
    ("cpu v=", 7, "missing field value"),
    ("cpu v=,w=1", 7, "missing field value"),
    ("cpu v", 5, "invalid field format"),
    ("cpu v=1,", 9, "invalid field format"),
    ("cpu v=1,w", 9, "invalid field format"),
    ("cpu v=\"a\"b", 10, "invalid field format"),
    ("cpu v=1x", 7, "invalid number"),
    ("cpu v=NaN", 7, "invalid number"),
    ("cpu v=+1", 7, "invalid boolean"),
    ("cpu v=yes", 7, "invalid boolean"),
    ("cpu v=1e400", 7, "invalid float"),
    ("cpu v=9223372036854775808i", 7, "unable to parse integer 9223372036854775808: strconv.ParseInt"),
    ("cpu v=\"a", 7, "unbalanced quotes"),
    ("cpu v=1 soon", 9, "bad timestamp"),
    ("cpu v=1 1.5", 9, "bad timestamp"),
    ("cpu v=1 1cpu v=2", 9, "bad timestamp; curl -d @FILE joins lines"),
    ("cpu v=1 9223372036854775808", 9, "time outside range"),
    ("cpu v=1 1 2", 11, "point is invalid"),
];

#[test]
fn lines_that_are_no_points_are_named_in_influxdbs_words_and_the_others_stay() {
    for (line, column, says) in WRONG {
        let append = MemoryAppend::default();
        let body = format!("good v=1 0\n{line}\ngood v=2 1000000\n");
        let (result, faults) = post(body.as_bytes(), &client(&[]), 999, &append);
        let want = format!("2:{column}: unable to parse '{line}': {says}");
        assert!(faults[0].starts_with(&want) && faults.len() == 1, "{line}: {faults:?}");
        assert_eq!(result.unwrap().samples, 2, "{line}");
        let (result, faults) = post(line.as_bytes(), &client(&[]), 999, &append);
        assert!(result.is_err() && faults.len() == 1, "{line}: {result:?} {faults:?}");
    }
    let append = MemoryAppend::default();
    let (_, faults) = post(b"good v=1 0\nb\xc3\xa4\xff v=1\n", &client(&[]), 999, &append);
    assert!(faults[0].starts_with("2:3: unable to parse 'b\u{e4}\u{fffd} v=1': this is not UTF-8"), "{faults:?}");
}

#[test]
fn points_that_cannot_be_stored_are_told_from_lines_that_are_none() {
    for (line, says) in [
        ("m,time=1 v=1 0", "invalid tag key: input tag \"time\" on measurement \"m\" is invalid"),
        ("m,time=1 s=\"x\" 0", "invalid tag key"),
        ("m time=1 0", "invalid field name: input field \"time\" on measurement \"m\" is invalid"),
        ("m,__name__=n v=1 0", "invalid tag key: input tag \"__name__\" on measurement \"m\" is not the measurement"),
        ("m,influx_db=n v=1 0", "invalid tag key: input tag \"influx_db\" on measurement \"m\" is the label"),
        ("m v=1 1800000000000000000", "the time 1800000000000 ms lies too far in the future"),
        ("m v=1 1700000000", "the time 1700000000 looks like seconds and would count as nanoseconds: say precision=s"),
        ("m v=1 1700000000000", "looks like milliseconds and would count as nanoseconds: say precision=ms"),
    ] {
        let declared = client(&[("db", "x")]);
        let reader = reader(format_at(PATH), &declared).unwrap();
        let append = MemoryAppend::default();
        let mut import = Import::new(reader, &declared, NOW, &ImportLimits::default(), &append);
        import.text().extend_from_slice(line.as_bytes());
        assert!(finished(import.finish()).is_err(), "{line}");
        assert_eq!((import.faults().rejected(), import.faults().count()), (1, 1), "{line}");
        assert!(import.faults().first()[0].why.contains(says), "{line}: {:?}", import.faults());
    }
}

#[test]
fn quotes_that_nothing_closes_end_with_their_line() {
    let append = MemoryAppend::default();
    let body = format!("a v=\"open\n{}", "b v=1 0\n".repeat(200_000));
    for text in [&body[..90], &body] {
        let (result, faults) = post(text.as_bytes(), &client(&[]), 64 << 10, &append);
        assert_eq!(result.unwrap().samples as usize, text.matches("b v=1").count());
        assert_eq!(faults, ["1:5: unable to parse 'a v=\"open': unbalanced quotes"]);
    }
}

#[test]
fn a_body_of_nothing_is_fine_for_a_client_and_not_for_a_person() {
    for body in ["", "\n", "# comment\n"] {
        let append = MemoryAppend::default();
        assert_eq!(post(body.as_bytes(), &client(&[]), 999, &append).0, Ok(Imported::default()), "{body:?}");
        assert!(post(body.as_bytes(), &Declared::default(), 999, &append).0.is_err(), "{body:?}");
    }
}

#[test]
fn an_import_of_a_person_is_all_or_nothing_and_doubts_old_times() {
    let append = MemoryAppend::default();
    let (result, _) = post(b"a v=1 1700000000000000000\nb v=\n", &Declared::default(), 999, &append);
    let why = result.unwrap_err().to_string();
    assert_eq!(why, "nothing was stored: line 2:5: unable to parse 'b v=': missing field value");
    let why = post(b"a v=1 1\n", &Declared::default(), 999, &append).0.unwrap_err().to_string();
    assert!(why.contains("line 1:7: the time 1 ns lies before 2000"), "{why}");
    assert!(append.batches().is_empty());
}

#[test]
fn it_is_told_from_the_text_that_exporters_speak() {
    let name = |text: &str| by_beginning(text.as_bytes()).map(Format::name);
    for text in ["cpu,host=a v=1 5", "cpu v=1", "# comment\n\ncpu v=1i 5\n", "a\\ b,c=d e=\"f", "m v=\"text"] {
        assert_eq!(
            name(text),
            if text.ends_with("\"f") || text.ends_with("\"text") { None } else { Some("influx") },
            "{text}"
        );
    }
    for text in [
        "up 1",
        "# HELP a=b c=d\n# TYPE a gauge\na 1\n",
        "up{a=\"b c=d\"} 1",
        "up{a=\"b\"} 1 # {c=\"d\"} 1",
        "{\"a b\",c=\"d\"} 1",
    ] {
        assert_eq!(name(text), Some("prometheus"), "{text}");
    }
}

#[test]
fn a_line_of_many_fields_and_long_tags_is_counted_before_it_is_taken() {
    let fields: String = (0..2_000).map(|i| format!(",f{i}=1")).collect();
    let line = format!("m,t={} v=1{fields} 0\n", "x".repeat(2_000));
    let declared = client(&[]);
    let append = MemoryAppend::default();
    let mut import =
        Import::new(reader(format_at(PATH), &declared).unwrap(), &declared, NOW, &ImportLimits::default(), &append);
    import.text().extend_from_slice(line.as_bytes());
    let (before, bite) = (import.memory(), import.bite());
    assert!(import.step().unwrap());
    assert!(import.memory() <= before + bite, "{} after {before} and {bite}", import.memory());
    assert!(import.memory() > before + (10 << 20), "the labels of each field count");
}

/// Reads a body the slow way: byte by byte, with lists. What is wrong is not named.
mod naive {
    use std::collections::HashMap;

    /// Lines, of which texts in quotes may have several.
    fn lines(body: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest: Vec<&str> = body.split('\n').collect();
        while !rest.is_empty() {
            let whole = (1..=rest.len()).find(|count| !open(&rest[..*count].join("\n"))).unwrap_or(1);
            lines.push(rest[..whole].join("\n"));
            rest.drain(..whole);
        }
        lines
    }

    /// Whether a text in quotes is open at the end of a line.
    fn open(line: &str) -> bool {
        let line = line.trim_start_matches([' ', '\t', '\0']);
        if line.starts_with('#') {
            return false;
        }
        let (_, fields) = cut(line, ' ', false);
        let fields = fields.unwrap_or_default();
        let (mut value, mut quoted, mut chars) = (false, false, fields.chars());
        while let Some(c) = chars.next() {
            match c {
                '\\' if quoted || chars.as_str().starts_with(|c| c != '\n') => drop(chars.next()),
                '"' if value => quoted = !quoted,
                '=' if !quoted => value = true,
                ',' if !quoted => value = false,
                _ => {}
            }
        }
        quoted
    }

    /// What stands before and behind the first `at` that no backslash escapes; with `pairs` a backslash takes the next character.
    fn cut(text: &str, at: char, pairs: bool) -> (String, Option<String>) {
        let chars: Vec<char> = text.chars().collect();
        let mut i = 0;
        while i < chars.len() {
            if pairs && chars[i] == '\\' {
                i += 2;
            } else if chars[i] == at && (pairs || i == 0 || chars[i - 1] != '\\') {
                return (chars[..i].iter().collect(), Some(chars[i + 1..].iter().collect()));
            } else {
                i += 1;
            }
        }
        (text.to_owned(), None)
    }

    fn unescape(text: &str, escaped: &str) -> String {
        let mut out = text.to_owned();
        for c in escaped.chars() {
            out = out.replace(&format!("\\{c}"), &format!("\u{1}{c}"));
        }
        out.replace('\u{1}', "")
    }

    type Sample = (Vec<(String, String)>, i64, u64);

    /// Whether a field has booleans, by measurement and field.
    type Known = HashMap<(String, String), bool>;

    /// The samples of a body, and how many lines, or fields of others, are wrong.
    pub(super) fn read(body: &str) -> (Vec<Sample>, u64) {
        let (mut samples, mut wrong, mut known) = (Vec::new(), 0, Known::new());
        for line in lines(body) {
            let line = line.strip_suffix('\r').unwrap_or(&line).trim_start_matches([' ', '\t', '\0']).to_owned();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match point(&line, &mut known) {
                Some((point, refused)) => {
                    samples.extend(point);
                    wrong += refused;
                }
                None => wrong += 1,
            }
        }
        (samples, wrong)
    }

    fn point(line: &str, known: &mut Known) -> Option<(Vec<Sample>, u64)> {
        let (key, rest) = cut(line, ' ', false);
        let mut rest = rest?.trim_start_matches([' ', '\t', '\0']).to_owned();
        let (measurement, mut tags_text) = cut(&key, ',', false);
        let mut tags = Vec::new();
        while let Some(text) = tags_text {
            let (tag, more) = cut(&text, ',', false);
            let (name, value) = cut(&tag, '=', false);
            let is_clean = |value: &str| cut(value.strip_prefix('=').unwrap_or(value), '=', false).1.is_none();
            let value = value.filter(|value| !value.is_empty() && is_clean(value))?;
            if name.is_empty() {
                return None;
            }
            tags.push((unescape(&name, ",= "), unescape(&value, ",= ")));
            tags_text = more;
        }
        let measurement = unescape(&measurement, ", ");
        let mut names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        if measurement.is_empty()
            || names.len() < tags.len()
            || names.iter().any(|name| name == "time" || name == "__name__")
        {
            return None;
        }
        let (mut fields, mut texts) = (Vec::new(), false);
        loop {
            let (name, value) = cut(&rest, '=', true);
            if name.is_empty() || cut(&name, ' ', true).1.is_some() || cut(&name, ',', true).1.is_some() {
                return None;
            }
            let value = value?;
            let (word, behind) = match value.strip_prefix('"') {
                Some(text) => (None, cut(text, '"', true).1?),
                None => {
                    let end = value.find([',', ' ']).unwrap_or(value.len());
                    (Some(value[..end].to_owned()), value[end..].to_owned())
                }
            };
            texts |= word.is_none();
            let value = match &word {
                Some(word) => Some((number(word)?, word.starts_with(['t', 'T', 'f', 'F']))),
                None => None,
            };
            if name != "time" || value.is_none() {
                fields.push((unescape(&name, ",= "), value));
            }
            match behind.chars().next() {
                Some(',') => rest = behind[1..].to_owned(),
                None | Some(' ') => {
                    rest = behind;
                    break;
                }
                Some(_) => return None,
            }
        }
        let time = rest.trim_matches([' ', '\t', '\0']);
        let plain = time.strip_prefix('-').unwrap_or(time);
        let time: i64 = match time {
            "" => super::NOW * 1_000_000,
            _ if plain.bytes().all(|byte| byte.is_ascii_digit()) => time.parse().ok()?,
            _ => return None,
        };
        if fields.is_empty() && !texts {
            return None;
        }
        let mut refused = 0;
        let mut kept = Vec::new();
        for (field, value) in fields {
            let name = (measurement.clone(), field.clone());
            match value {
                None => refused += u64::from(known.contains_key(&name)),
                Some((value, is_boolean)) if *known.entry(name).or_insert(is_boolean) == is_boolean => {
                    kept.push((field, value));
                }
                Some(_) => refused += 1,
            }
        }
        let sample = |(field, value): (String, f64)| {
            let name = if field == "value" { measurement.clone() } else { format!("{measurement}_{field}") };
            let mut labels = vec![("__name__".to_owned(), name)];
            labels.extend(tags.iter().cloned());
            (labels, time.div_euclid(1_000_000), value.to_bits())
        };
        Some((kept.into_iter().map(sample).collect(), refused))
    }

    fn number(word: &str) -> Option<f64> {
        match word {
            "t" | "T" | "true" | "True" | "TRUE" => return Some(1.0),
            "f" | "F" | "false" | "False" | "FALSE" => return Some(0.0),
            _ => {}
        }
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(text) = word.strip_suffix('i') {
            return text
                .parse::<i64>()
                .ok()
                .filter(|_| digits(text.strip_prefix('-').unwrap_or(text)))
                .map(|n| n as f64);
        }
        if let Some(text) = word.strip_suffix('u') {
            return text.parse::<u64>().ok().filter(|_| digits(text)).map(|n| n as f64);
        }
        let plain = !word.starts_with('+') && word.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
        word.parse::<f64>().ok().filter(|value| plain && value.is_finite())
    }
}

/// Whatever looks like the format, mostly in order.
fn body() -> impl Strategy<Value = String> {
    let text = || "[ab,= \\\\\"é]{0,4}";
    let tag = (text(), text()).prop_map(|(name, value)| format!(",{name}={value}"));
    let clean_tag = ("[a-d]{1,2}", "[a-z\"é]{1,3}").prop_map(|(name, value)| format!(",{name}={value}"));
    let value = prop_oneof![
        4 => "-?[0-9]{1,5}(\\.[0-9]{1,4})?",
        1 => "-?[0-9]{1,20}[iu]?",
        1 => "(t|f|true|False|yes)",
        1 => "\"[a,= \n]{0,4}(\\\\\"|\\\\\\\\)?[a-c]?\"",
        1 => "[0-9eE.+-]{1,6}",
        1 => "\"?[a\\\\]?",
    ];
    let field = prop_oneof![3 => "[a-d]{1,2}|value|time".prop_map(|name| name), 1 => text()];
    let fields = proptest::collection::vec((field, value).prop_map(|(name, value)| format!("{name}={value}")), 1..4);
    let tags = proptest::collection::vec(prop_oneof![4 => clean_tag, 1 => tag], 0..3);
    let end = prop_oneof![4 => " -?[0-9]{1,8}", 2 => " 16999999[0-9]{11}", 1 => "", 1 => " [0-9]?[a ]{0,2}"];
    let line = ("[ #]?[a-c\\\\]{0,2}(\\\\,|\\\\ |=)?m", tags, " {1,2}", fields, end, "\r?\n?").prop_map(
        |(m, tags, gap, fields, time, feed)| format!("{m}{}{gap}{}{time}{feed}", tags.concat(), fields.join(",")),
    );
    let line = prop_oneof![12 => line, 1 => "[a,= \"\\\\#\n1]{0,12}".prop_map(|noise| noise)];
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn it_reads_what_a_naive_reader_reads_in_any_pieces(body in body(), piece in 1usize..40) {
        let append = MemoryAppend::default();
        let declared = Declared { allow_old: true, ..client(&[]) };
        let (_, faults) = post(body.as_bytes(), &declared, piece, &append);
        let (want, wrong) = naive::read(&body);
        let mut merged: BTreeMap<usize, (String, i64, u64)> = BTreeMap::new();
        for (pairs, time, bits) in want {
            let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap();
            merged.insert(merged.len(), (labels.to_string(), time, bits));
        }
        prop_assert_eq!(samples(&append), merged.into_values().collect::<Vec<_>>());
        prop_assert_eq!(faults.len() as u64, wrong.min(5), "{:?}", faults);
    }

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = post(&body, &client(&[]), 7, &MemoryAppend::default());
    }
}
