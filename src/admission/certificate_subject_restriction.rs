//! CertificateSubjectRestriction: nobody gets into `system:masters` by a certificate of the API server's signer.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::{Attributes, Operation, Phase, Plugin};
use crate::authz::MASTERS;

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

pub(super) struct CertificateSubjectRestriction;

/// The subject of a request for a certificate.
pub(super) struct Subject {
    pub(super) common_name: String,
    pub(super) organizations: Vec<String>,
}

/// Reads the request in `spec.request`.
///
/// # Errors
/// Where it is none.
pub(super) fn subject(request: &Object) -> Result<Subject, String> {
    let text = STANDARD.decode(request.str_at(&["spec", "request"])).map_err(|error| error.to_string())?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&text)
        .map_err(|_| "PEM block type must be CERTIFICATE REQUEST".to_owned())?;
    if pem.label != "CERTIFICATE REQUEST" {
        return Err("PEM block type must be CERTIFICATE REQUEST".into());
    }
    let (_, parsed) = X509CertificationRequest::from_der(&pem.contents).map_err(|error| error.to_string())?;
    let name = &parsed.certification_request_info.subject;
    let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        attribute.as_str().unwrap_or_default().to_owned()
    };
    Ok(Subject {
        common_name: name.iter_common_name().last().map(text).unwrap_or_default(),
        organizations: name.iter_organization().map(text).collect(),
    })
}

#[async_trait]
impl Plugin for CertificateSubjectRestriction {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create
            && attributes.is("certificates.k8s.io", "certificatesigningrequests")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(request) = object else { return Ok(()) };
        if request.str_at(&["spec", "signerName"]) != SIGNER {
            return Ok(());
        }
        let subject = subject(request).map_err(|why| {
            let why = format!("failed to parse CSR: {why}");
            attributes.forbidden(object, why)
        })?;
        if subject.organizations.iter().any(|group| group == MASTERS) {
            let why = format!("use of {SIGNER} signer with {MASTERS} group is not allowed");
            return Err(attributes.forbidden(object, why));
        }
        Ok(())
    }
}
