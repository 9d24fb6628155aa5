//! LimitRange.

use keelson_apimachinery::meta::Object;
use keelson_base::random;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;

/// One without a name is named by a uid.
pub(in crate::registry) struct LimitRanges;

impl Hooks for LimitRanges {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        if object.name().is_empty() {
            object.set_name(&random::uuid().to_string());
        }
    }
}
