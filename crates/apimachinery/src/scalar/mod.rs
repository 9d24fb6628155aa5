//! Scalar types: quantities, times, durations, int-or-string.
