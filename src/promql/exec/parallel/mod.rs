//! Rows on several threads: [`rows`] computes them in batches, [`order`] has these folded in series order, [`pool`] has the
//! threads.

#[cfg(test)]
mod model;
mod order;
mod pool;
mod rows;
mod sync;

pub(super) use rows::for_each_row;
