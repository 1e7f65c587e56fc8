//! What passes between plan, functions and operators: a series' [`row`] of values over the step [`grid`], and the
//! [`annotations`] that are collected beside them, with the [`moment`]s that these tell. It knows nothing of where they
//! come from.

pub(crate) mod annotations;
pub(crate) mod grid;
pub(crate) mod moment;
pub(crate) mod row;
