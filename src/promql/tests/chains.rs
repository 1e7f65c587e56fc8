//! Long chains of operators, which are no nesting to whoever writes them.

use super::*;

const TERMS: usize = 4_000;

/// The answer on a thread with no more stack than the server's have.
fn on_a_small_stack(data: MemorySelect, text: String, range: bool) -> Result<Value, QueryError> {
    let run = move || {
        let query = if range { over(&text, 0, 60, 60) } else { at(&text, 60) };
        ask(&data, &Query { timeout: Some(Duration::from_secs(100)), ..query }).map(|answer| answer.value)
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap()
}

fn chain(operator: &str, term: impl Fn(usize) -> String) -> String {
    (0..TERMS).map(term).collect::<Vec<_>>().join(operator)
}

#[test]
fn thousands_of_terms_are_added_compared_and_combined() {
    let data =
        || store(15, &[(&[("__name__", "a"), ("i", "1")], &[1.0; 5]), (&[("__name__", "a"), ("i", "2")], &[2.0; 5])]);
    for (operator, term, first) in [
        (" + ", "a", 4_000.0),
        (" - ", "1", -3_998.0),
        (" + ", "a * 1", 4_000.0),
        (" and ", "a", 1.0),
        (" or ", "a", 1.0),
        (" <= ", "a", 1.0),
        (" * on (i) group_left () ", "a", 1.0),
    ] {
        for range in [false, true] {
            let text = chain(operator, |_| term.to_owned());
            let value =
                match on_a_small_stack(data(), text, range).unwrap_or_else(|error| panic!("{operator}: {error}")) {
                    Value::Vector(samples) => samples[0].value,
                    Value::Matrix(series) => series[0].samples.values[0],
                    Value::Scalar { value, .. } => value,
                    Value::String { .. } => panic!(),
                };
            assert_eq!(value, first, "{operator}{term}, range {range}");
        }
    }
}

#[test]
fn thousands_of_selectors_are_united() {
    let names: Vec<String> = (0..TERMS).step_by(100).map(|i| format!("d{i}")).collect();
    let pairs: Vec<[(&str, &str); 2]> = names.iter().map(|name| [("__name__", name.as_str()), ("i", "1")]).collect();
    let series: Vec<(Pairs<'_>, &[f64])> =
        pairs.iter().map(|pairs| (&pairs[..], &[1.0, 2.0, 3.0, 4.0, 5.0][..])).collect();
    for range in [false, true] {
        let text = chain(" or on (__name__) ", |i| format!("d{i}"));
        let found = match on_a_small_stack(store(15, &series), text, range).unwrap() {
            Value::Vector(samples) => samples.len(),
            Value::Matrix(series) => series.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, TERMS / 100);
    }
}

#[test]
fn a_chain_of_unions_is_what_its_pairs_are_one_after_the_other() {
    let data = store(
        15,
        &[
            (&[("__name__", "a"), ("i", "1")], &[1.0, STALE_NAN, 3.0, 4.0, 5.0]),
            (&[("__name__", "b"), ("i", "1")], &[10.0; 5]),
            (&[("__name__", "b"), ("i", "2")], &[STALE_NAN, 20.0, 20.0, STALE_NAN, 20.0]),
            (&[("__name__", "c"), ("i", "2")], &[30.0; 5]),
            (&[("__name__", "c"), ("i", "3")], &[40.0; 5]),
        ],
    );
    for text in ["a or on (i) b or on (i) c", "a or b or c", "abs(a) or abs(b) or abs(c)", "a or on () b or on () c"] {
        let (first, last) = text.rsplit_once(" or").unwrap();
        // Sorting leaves a range as it is, and ends the chain.
        let pairs = format!("sort({first}) or{last}");
        assert_eq!(matrix(&data, &over(text, 0, 60, 15)), matrix(&data, &over(&pairs, 0, 60, 15)), "{text}");
    }
}
