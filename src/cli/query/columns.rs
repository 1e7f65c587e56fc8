//! Text in columns.

/// A line of headings and one for each row, all columns but the last filled up to the widest cell. Rows have as many cells as there
/// are headings.
pub(super) fn align<S: AsRef<str>>(head: &[S], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|cell| cell.as_ref().to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for line in lines() {
        for (i, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            let filled = if i + 1 < head.len() { format!("{cell:width$}  ") } else { cell.clone() };
            out.push_str(&filled);
        }
        out.push('\n');
    }
    out
}
