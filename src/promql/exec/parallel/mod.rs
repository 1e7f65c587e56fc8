//! Rows on several threads: [`rows`] computes them in pieces and hands them over in series order, [`pool`] has the
//! threads.

mod pool;
mod rows;

pub(super) use rows::for_each_row;
