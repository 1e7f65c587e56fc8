//! Scenarios, all in one binary: one link instead of many.

mod scenarios {
    mod layers;
}
