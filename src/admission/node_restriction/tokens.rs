//! Tokens of service accounts: for the pods of the node, and for whom they mount them.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::super::attributes::aggregate;
use super::super::objects::{CSI_DRIVERS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES};
use super::super::{Operation, Resource, pod};
use super::{NodeRestriction, Request};
use crate::authz::{self, Decision};

/// Kinds of volumes that CSI drivers serve though they are not named there.
const MIGRATED: [(&str, &str); 7] = [
    ("awsElasticBlockStore", "ebs.csi.aws.com"),
    ("azureDisk", "disk.csi.azure.com"),
    ("azureFile", "file.csi.azure.com"),
    ("cinder", "cinder.csi.openstack.org"),
    ("gcePersistentDisk", "pd.csi.storage.gke.io"),
    ("portworxVolume", "pxd.portworx.com"),
    ("vsphereVolume", "csi.vsphere.vmware.com"),
];

impl NodeRestriction {
    pub(super) async fn token(&self, request: Request<'_>) -> Result<(), Status> {
        let (Operation::Create, Some(object)) = (request.attributes.operation, request.object) else {
            return Ok(());
        };
        let bound = object.at(&["spec", "boundObjectRef"]).filter(|bound| !bound.is_null());
        let text = |key| bound.map_or("", |bound| bound.str_at(&[key]));
        if (text("apiVersion"), text("kind")) != ("v1", "Pod") || text("name").is_empty() {
            return request.refuse("node requested token not bound to a pod");
        }
        let uid = text("uid");
        if uid.is_empty() {
            return request.refuse("node requested token with a pod binding without a uid");
        }
        let pod = self.existing_pod(request, text("name")).await?;
        if pod.uid() != uid {
            return request.refuse(format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might \
                 have been deleted and then recreated"
            ));
        }
        if pod.str_at(&["spec", "nodeName"]) != request.node {
            return request.refuse("node requested token bound to a pod scheduled on a different node");
        }
        self.audience(request, object, &pod).await
    }

    /// The token must be for something that the pod mounts, unless the node may ask for others.
    async fn audience(&self, request: Request<'_>, asked: &Object, pod: &Object) -> Result<(), Status> {
        let audience = match pod::spec_list(asked, "audiences") {
            [] => "",
            [one] => one.as_str().unwrap_or_default(),
            _ => return request.refuse("node may only request 0 or 1 audiences"),
        };
        let mut unknown = Vec::new();
        for volume in pod::spec_list(pod, "volumes") {
            match self.is_for(audience, pod, volume).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(why) => unknown.push(why),
            }
        }
        if !unknown.is_empty() {
            let why = aggregate(&unknown);
            return request.refuse(format!("error validating audience {audience:?}: {why}"));
        }
        let user = &request.attributes.user;
        let attributes = authz::Attributes {
            version: "v1",
            resource: audience,
            namespace: request.attributes.namespace,
            name: request.attributes.name,
            ..authz::Attributes::on_resources(user, "request-serviceaccounts-token-audience")
        };
        let verdict = self.authorizer.authorize(&attributes).await;
        if verdict.decision == Decision::Allow {
            return Ok(());
        }
        let (missing, name) = (format!("audience {audience:?} not found in pod spec volume"), &user.name);
        request.refuse(match verdict.error {
            None => format!("{missing}, {name} is not authorized to request tokens for this audience"),
            Some(error) => {
                format!("{missing}, error authorizing {name} to request tokens for this audience: {error}")
            }
        })
    }

    /// Whether a volume of a pod takes a token for this audience; an error where that can't be seen.
    async fn is_for(&self, audience: &str, pod: &Object, volume: &Value) -> Result<bool, String> {
        let mounts = |source: &Value| {
            let token = source.get("serviceAccountToken");
            token.is_some_and(|token| token.str_at(&["audience"]) == audience)
        };
        if pod::list(volume.get("projected"), "sources").iter().any(mounts) {
            return Ok(true);
        }
        let driver = self.driver(pod, volume).await?;
        if driver.is_empty() {
            return Ok(false);
        }
        let driver = self.known(CSI_DRIVERS, "", &driver, "csidriver.storage.k8s.io").await?;
        let wanted = pod::spec_list(&driver, "tokenRequests");
        Ok(wanted.iter().any(|wanted| wanted.str_at(&["audience"]) == audience))
    }

    /// The CSI driver of a volume; empty where it has none.
    async fn driver(&self, pod: &Object, volume: &Value) -> Result<String, String> {
        let claim = if volume.at(&["ephemeral", "volumeClaimTemplate"]).is_some() {
            format!("{}-{}", pod.name(), volume.str_at(&["name"]))
        } else if let Some(claim) = volume.get("persistentVolumeClaim") {
            claim.str_at(&["claimName"]).to_owned()
        } else {
            return Ok(driver_of(Some(volume)).to_owned());
        };
        let claim =
            self.known(PERSISTENT_VOLUME_CLAIMS, pod.namespace(), &claim, "persistentvolumeclaim").await?;
        let name = claim.str_at(&["spec", "volumeName"]);
        let volume = self.known(PERSISTENT_VOLUMES, "", name, "persistentvolume").await?;
        Ok(driver_of(volume.get("spec")).to_owned())
    }

    /// An object that has to be there.
    async fn known(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        kind: &str,
    ) -> Result<std::sync::Arc<Object>, String> {
        let found = self.objects.get(resource, namespace, name).await;
        let found = found.map_err(|status| status.message().to_owned())?;
        found.ok_or_else(|| format!("{kind} {name:?} not found"))
    }
}

/// The CSI driver that a source of a volume means; empty for none.
fn driver_of(source: Option<&Value>) -> &str {
    let Some(source) = source else { return "" };
    if let Some(csi) = source.get("csi") {
        return csi.str_at(&["driver"]);
    }
    let migrated = MIGRATED.iter().find(|(kind, _)| source.get(kind).is_some());
    migrated.map_or("", |(_, driver)| driver)
}
