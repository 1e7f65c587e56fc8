//! The points of two fields that a call is of.

use super::{calls::Taken, sheet::Sheet};
use crate::influxql::plan::Call;

/// Those of the `rows` that have a number in the second field's column, too: that of the same row, or with a lag of the row that is
/// so much older.
pub(super) fn pairs(call: &Call, sheet: &Sheet, second: usize, rows: impl Iterator<Item = Taken>) -> Vec<Taken> {
    let lag = call.settings.lag;
    let one = |taken: Taken| {
        let row = match lag {
            0 => taken.row,
            _ => sheet.row_at(taken.time.checked_sub(lag)?)?,
        };
        let number = sheet.keeps(row).then(|| sheet.value(second, row).number())??;
        Some(Taken { second: number, ..taken })
    };
    rows.filter_map(one).collect()
}
