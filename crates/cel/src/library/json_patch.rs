//! JSON patches: `jsonpatch.escapeKey('a/b')`.

use super::Row;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, no_overload};

pub(super) const TABLE: &[Row] =
    &[("jsonpatch.escapeKey", "string_jsonpatch_escapeKey_string", "(string) -> string", escape_key)];

/// Whether only environments with patches have this function.
pub(crate) fn is_of_patches(name: &str) -> bool {
    TABLE.iter().any(|row| row.0 == name)
}

/// The key as a part of a JSON pointer (RFC 6901).
fn escape_key<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::String(key)] = args else { return no_overload() };
    Ok(Val::from(key.replace('~', "~0").replace('/', "~1")))
}
