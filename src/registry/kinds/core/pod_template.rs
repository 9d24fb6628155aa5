//! PodTemplate, and ReplicationController: what they share is the template.

use keelson_apimachinery::meta::Object;

use super::pod_features::drop_disabled_template_fields;
use crate::registry::Hooks;
use crate::registry::options::WriteContext;

/// A kind with a template for pods at this path of members.
pub(in crate::registry) struct Templates(pub(in crate::registry) &'static [&'static str]);

impl Hooks for Templates {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        drop_disabled_template_fields(object.members_mut(), None, self.0);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        drop_disabled_template_fields(object.members_mut(), Some(old.as_value()), self.0);
    }
}
