//! Queries that are stopped while they work on one series.

use std::{thread, time::Duration};

use super::*;

#[test]
fn a_query_stops_in_the_midst_of_the_windows_of_one_series() {
    let values: Vec<f64> = (0..4_000).map(|i| f64::from(i * 7_919 % 4_001)).collect();
    let store = store(1, &[(&[("__name__", "a")], &values)]);
    // Each step sorts an hour of samples.
    for text in ["quantile_over_time(0.5, a[1h])", "mad_over_time(a[1h])", "quantile_over_time(0.5, (a + 0)[1h:1s])"] {
        let cancel = Cancel::default();
        let stopped = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                cancel.cancel();
            });
            engine().run(&store, &over(text, 0, 9_000, 1), &cancel).map(|answer| answer.value)
        });
        assert!(matches!(stopped, Err(QueryError::Canceled(_))), "{text} went on to its end: {:?}", stopped.is_ok());
    }
}
