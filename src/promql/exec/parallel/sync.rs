//! What the order of batches is built on. The tests build it a second time, on the same things of a model checker.

pub(super) use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::panicking,
};
