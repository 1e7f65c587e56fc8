//! The numbers of the label pairs of a page's series: on disk column by column, in memory row by row.

/// Up to this many pairs are numbered with one byte each.
const NARROW: usize = 1 << 8;

/// Numbers of pairs, row by row, in as few bytes as their largest needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cells {
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
}

impl Default for Cells {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Cells {
    /// These numbers of `pairs` pairs.
    pub(super) fn new(numbers: Vec<u16>, pairs: usize) -> Self {
        if pairs <= NARROW {
            Self::Narrow(numbers.into_iter().map(|number| number as u8).collect())
        } else {
            Self::Wide(numbers)
        }
    }

    /// Reads what [`Self::write_columns`] wrote. `rows` are the bounds of the rows, `names` the number of each pair's name,
    /// ascending: the names of a row must ascend strictly.
    pub(super) fn from_columns(input: &[u8], rows: &[u32], names: &[u16]) -> Result<Self, String> {
        let cells = rows.last().map_or(0, |end| *end as usize);
        let narrow = names.len() <= NARROW;
        if cells.checked_mul(if narrow { 1 } else { 2 }) != Some(input.len()) {
            return Err("it has another length than its rows need".to_owned());
        }
        let arranged = if narrow {
            arrange(input, rows, names).map(Self::Narrow)
        } else {
            let (low, high) = input.split_at(cells);
            let plane: Vec<u16> = low.iter().zip(high).map(|(low, high)| u16::from_le_bytes([*low, *high])).collect();
            arrange(&plane, rows, names).map(Self::Wide)
        };
        arranged.ok_or_else(|| "its rows are no label sets".to_owned())
    }

    /// Writes them column by column; of wide ones first all low bytes, then all high bytes.
    pub(super) fn write_columns(&self, rows: &[u32], out: &mut Vec<u8>) {
        let planes = if matches!(self, Self::Narrow(_)) { 1 } else { 2 };
        for plane in 0..planes {
            out.extend(columns(rows).filter_map(|at| self.get(at).to_le_bytes().get(plane).copied()));
        }
    }

    /// The number at a place.
    pub(super) fn get(&self, at: usize) -> u16 {
        match self {
            Self::Narrow(cells) => cells.get(at).copied().unwrap_or_default().into(),
            Self::Wide(cells) => cells.get(at).copied().unwrap_or_default(),
        }
    }

    /// Bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Narrow(cells) => cells.capacity(),
            Self::Wide(cells) => 2 * cells.capacity(),
        }
    }
}

/// Turns columns into rows; `None` when the names of a row don't ascend or a number stands for no pair.
fn arrange<T: Copy + Default + Ord + Into<usize>>(plane: &[T], rows: &[u32], names: &[u16]) -> Option<Vec<T>> {
    let widths: Vec<usize> = widths(rows).collect();
    let mut next = column_starts(&widths);
    let in_order = columns_ascend(plane, &next, names);
    let mut out = vec![T::default(); plane.len()];
    let mut rest = &mut out[..];
    // Neighbours have as many labels, mostly.
    for alike in widths.chunk_by(|a, b| a == b) {
        let (count, width) = (alike.len(), alike.first().copied().unwrap_or(0));
        let Some((cells, after)) = std::mem::take(&mut rest).split_at_mut_checked(count * width) else { break };
        for (column, at) in next.iter_mut().take(width).enumerate() {
            let places = cells.iter_mut().skip(column).step_by(width);
            places.zip(plane.get(*at..*at + count).unwrap_or_default()).for_each(|(place, cell)| *place = *cell);
            *at += count;
        }
        rest = after;
    }
    (in_order || rows_ascend(&out, rows, names)).then_some(out)
}

/// Whether the names of each column are all below those of the next, as in pages of series alike: numbers ascend with
/// names, so that only the least and the greatest of a column count.
fn columns_ascend<T: Copy + Ord + Into<usize>>(plane: &[T], starts: &[usize], names: &[u16]) -> bool {
    let name = |cell: T| names.get(cell.into());
    let mut before = None;
    starts.iter().zip(starts.iter().skip(1).chain([&plane.len()])).all(|(from, to)| {
        let column = plane.get(*from..*to).unwrap_or_default();
        let Some(&first) = column.first() else { return false };
        let (least, greatest) =
            column.iter().fold((first, first), |(least, greatest), cell| (least.min(*cell), greatest.max(*cell)));
        let (least, greatest) = (name(least), name(greatest));
        greatest.is_some() && std::mem::replace(&mut before, greatest) < least
    })
}

fn rows_ascend<T: Copy + Into<usize>>(cells: &[T], rows: &[u32], names: &[u16]) -> bool {
    rows.iter().zip(rows.iter().skip(1)).all(|(from, to)| {
        let row = cells.get(*from as usize..*to as usize).unwrap_or_default();
        let mut before = None;
        row.iter().all(|cell| {
            let name = names.get((*cell).into());
            name.is_some() && std::mem::replace(&mut before, name) < name
        })
    })
}

fn widths(rows: &[u32]) -> impl Iterator<Item = usize> {
    rows.iter().zip(rows.iter().skip(1)).map(|(from, to)| to.saturating_sub(*from) as usize)
}

/// Where each column begins in a plane.
fn column_starts(widths: &[usize]) -> Vec<usize> {
    let mut heights = vec![0; widths.iter().copied().max().unwrap_or(0)];
    for width in widths {
        if let Some(last) = width.checked_sub(1).and_then(|last| heights.get_mut(last)) {
            *last += 1;
        }
    }
    // A row reaches from the first column to its last.
    let mut height = 0;
    for place in heights.iter_mut().rev() {
        height += *place;
        *place = height;
    }
    let mut start = 0;
    for place in &mut heights {
        start += std::mem::replace(place, start);
    }
    heights
}

/// Places of cells, column by column: the first of each row, then the second of those that have one, …
fn columns(rows: &[u32]) -> impl Iterator<Item = usize> {
    let widest = widths(rows).max().unwrap_or(0);
    (0..widest).flat_map(move |column| {
        let wide = rows.iter().zip(widths(rows)).filter(move |(_, width)| column < *width);
        wide.map(move |(from, _)| *from as usize + column)
    })
}
