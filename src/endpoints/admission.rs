//! Admission as the registry asks for it: the chain's answer for one request.

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::call::{Call, dedup_owner_references};
use super::{Endpoints, route};
use crate::admission::{self, Chain, Notes, Reinvocation};
use crate::authz::rbac::{self, Escalation};
use crate::authz::{Attributes, Authorizer, Decision, forbidden};
use crate::registry::{Admit, Operation, Warnings, WriteContext};

/// What the registry asks before it writes.
pub(super) struct Admission<'a> {
    chain: &'a Chain,
    authorizer: &'a dyn Authorizer,
    escalation: &'a Escalation,
    call: &'a Call<'a>,
    context: WriteContext<'a>,
    notes: CallNotes<'a>,
}

impl<'a> Admission<'a> {
    /// The admission of a write by `call` in this context.
    pub(super) fn new(endpoints: &'a Endpoints, call: &'a Call<'a>, context: &WriteContext<'a>) -> Self {
        Admission {
            chain: &endpoints.config.admission,
            authorizer: &*endpoints.config.authorizer,
            escalation: &endpoints.config.escalation,
            call,
            context: *context,
            notes: CallNotes(call.warnings),
        }
    }

    fn attributes<'b>(
        &'b self,
        operation: Operation,
        object: Option<&'b Object>,
        old: Option<&'b Object>,
        reinvocation: &'b Reinvocation,
    ) -> admission::Attributes<'b> {
        let info = self.call.info;
        let resource = self.call.served.resource;
        let name = match route::name(info) {
            // Of a collection every object is deleted by its own name.
            "" => object.or(old).map_or("", Object::name),
            name => name,
        };
        admission::Attributes {
            operation: match operation {
                Operation::Create => admission::Operation::Create,
                Operation::Update => admission::Operation::Update,
                Operation::Delete => admission::Operation::Delete,
            },
            group: &resource.group,
            version: &resource.version,
            resource: &resource.plural,
            subresource: &info.subresource,
            kind: match info.subresource.as_str() {
                "scale" => "Scale",
                "binding" => "Binding",
                "eviction" => "Eviction",
                "token" => "TokenRequest",
                _ => &resource.kind,
            },
            namespace: if resource.namespaced { info.namespace.as_str() } else { "" },
            name,
            old,
            field_manager: self.context.field_manager,
            dry_run: self.context.dry_run,
            user: self.call.user,
            notes: &self.notes,
            reinvocation,
        }
    }

    /// Who writes roles and bindings gives no rights that they don't have.
    async fn may_grant(&self, new: &Object, old: Option<&Object>) -> Result<(), Status> {
        let (info, resource) = (self.call.info, &self.call.served.resource.plural);
        if info.api_group != rbac::GROUP {
            return Ok(());
        }
        let (user, namespace, name) = (self.call.user, &info.namespace, route::name(info));
        self.escalation.check(&rbac::Grant { user, resource, namespace, name, new, old }).await
    }

    /// An update or patch that creates needs the right to create.
    async fn may_create(&self) -> Result<(), Status> {
        let attributes = Attributes { verb: "create", ..Attributes::of(self.call.user, self.call.info) };
        let verdict = self.authorizer.authorize(&attributes).await;
        match verdict.error {
            _ if verdict.decision == Decision::Allow => Ok(()),
            Some(error) => Err(Status::internal(error)),
            None => Err(forbidden(&attributes, &verdict.reason)),
        }
    }
}

#[async_trait]
impl Admit for Admission<'_> {
    async fn mutate(
        &self,
        operation: Operation,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<(), Status> {
        let reinvocation = Reinvocation::default();
        let name = object.name().to_owned();
        let mut attributes = self.attributes(operation, None, old, &reinvocation);
        if attributes.name.is_empty() {
            attributes.name = &name;
        }
        self.chain.admit(&attributes, Some(object)).await?;
        dedup_owner_references(object, true, self.call.warnings);
        self.may_grant(object, old).await
    }

    async fn validate(
        &self,
        operation: Operation,
        object: Option<&Object>,
        old: Option<&Object>,
    ) -> Result<(), Status> {
        if operation == Operation::Create && matches!(self.call.info.verb.as_str(), "update" | "patch") {
            self.may_create().await?;
        }
        let reinvocation = Reinvocation::default();
        let attributes = self.attributes(operation, object, old, &reinvocation);
        if operation == Operation::Delete {
            self.chain.admit(&attributes, None).await?;
        }
        self.chain.validate(&attributes, object).await
    }
}

/// What plugins say goes to the client; there is no audit log to annotate.
struct CallNotes<'a>(&'a Warnings);

impl Notes for CallNotes<'_> {
    fn warn(&self, text: &str) {
        self.0.add(text);
    }

    fn audit(&self, _: &str, _: &str) {}
}
