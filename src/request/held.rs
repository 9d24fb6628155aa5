//! What a request holds while anything works for it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Something in a request's extensions that whoever works for the request keeps until the work is done, whether the
/// client waits for it or not: its share of a limit.
#[derive(Clone)]
pub struct Held {
    _what: Arc<dyn Any + Send + Sync>,
}

impl Held {
    /// Holds this.
    pub fn new(what: Arc<dyn Any + Send + Sync>) -> Self {
        Held { _what: what }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Held")
    }
}
