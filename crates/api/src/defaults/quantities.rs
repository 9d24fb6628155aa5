//! Amounts of resources: thousandths are the finest that there is.

use keelson_apimachinery::scalar::Quantity;
use keelson_apimachinery::{Map, Value};

/// Rounds the quantities of a `ResourceList` away from zero to thousandths.
pub(super) fn round(list: &mut Map) {
    for (_, value) in list.iter_mut() {
        let Value::String(text) = value else { continue };
        if may_be_finer(text)
            && let Ok(quantity) = Quantity::parse(text)
            && let Some(rounded) = quantity.rounded_to_milli()
        {
            *value = rounded.to_string().into();
        }
    }
}

/// Whether canonical text may say more than thousandths: it has a suffix below `m`, a point or an exponent.
fn may_be_finer(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b'n' | b'u' | b'.' | b'e' | b'E'))
}
