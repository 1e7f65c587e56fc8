//! Bytes: how numbers and columns are written and read back.
