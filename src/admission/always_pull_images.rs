//! AlwaysPullImages: images are pulled for every pod, so that each needs the right to.

use async_trait::async_trait;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::attributes::aggregate;
use super::{Attributes, Phase, Plugin, pod};

const ALWAYS: &str = "Always";

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

pub(super) struct AlwaysPullImages;

/// Whether an update brings no image that the pod did not have.
fn has_no_new_images(pod: &Object, old: Option<&Object>) -> bool {
    let Some(old) = old else { return false };
    let known: Vec<&str> = LISTS
        .iter()
        .flat_map(|list| pod::spec_list(old, list))
        .map(|container| container.str_at(&["image"]))
        .collect();
    let mut all = LISTS.iter().flat_map(|list| pod::spec_list(pod, list));
    all.all(|container| known.contains(&container.str_at(&["image"])))
}

#[async_trait]
impl Plugin for AlwaysPullImages {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is("", "pods")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        if has_no_new_images(pod, attributes.old) {
            return Ok(());
        }
        let spec = pod::spec_mut(pod);
        for list in LISTS {
            for container in pod::containers_mut(spec, list) {
                container.insert("imagePullPolicy", ALWAYS);
            }
        }
        for volume in pod::containers_mut(spec, "volumes") {
            if let Some(image) = volume.get_mut("image").and_then(Value::as_object_mut) {
                image.insert("pullPolicy", ALWAYS);
            }
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        if has_no_new_images(pod, attributes.old) {
            return Ok(());
        }
        let mut wrong = Vec::new();
        let mut check = |path: &Path, value: &str| {
            if value != ALWAYS {
                let error = FieldError::not_supported(path, value, &[ALWAYS]);
                wrong.push(attributes.forbidden(object, error).message().to_owned());
            }
        };
        let spec = Path::new("spec");
        for list in LISTS {
            for (i, container) in pod::spec_list(pod, list).iter().enumerate() {
                let path = spec.child(list).index(i).child("imagePullPolicy");
                check(&path, container.str_at(&["imagePullPolicy"]));
            }
        }
        for (i, volume) in pod::spec_list(pod, "volumes").iter().enumerate() {
            if volume.get("image").is_some() {
                let path = spec.child("volumes").index(i).child("image").child("pullPolicy");
                check(&path, volume.str_at(&["image", "pullPolicy"]));
            }
        }
        // Several refusals are none of a kind that clients know.
        if wrong.is_empty() { Ok(()) } else { Err(Status::opaque(aggregate(&wrong))) }
    }
}
