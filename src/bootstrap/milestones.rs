//! What of a start has succeeded once: health checks show it, under the names that kube-apiserver's post-start hooks
//! have.

use keelson_base::latch::Latch;

/// One thing that has to succeed once before a server is ready.
#[derive(Clone, Debug)]
pub struct Milestone {
    name: &'static str,
    passed: Latch,
}

impl Milestone {
    /// One that is not passed yet, under the name of a post-start hook.
    pub fn new(name: &'static str) -> Self {
        Milestone { name, passed: Latch::new() }
    }

    /// The name of the hook, without `poststarthook/`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// It has succeeded.
    pub fn pass(&self) {
        self.passed.set();
    }

    /// Whether it has succeeded.
    pub fn is_passed(&self) -> bool {
        self.passed.is_set()
    }

    /// Waits until it has. Cancel safe.
    pub async fn wait(&self) {
        self.passed.wait().await;
    }

    /// Does `work`, upon whose success it is passed.
    pub(super) async fn after<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let outcome = work.await;
        if outcome.is_ok() {
            self.pass();
        }
        outcome
    }
}

macro_rules! milestones {
    ($($(#[$doc:meta])* $field:ident: $name:literal,)*) => {
        /// All of the bootstrap. Clones share them.
        #[derive(Clone, Debug)]
        pub struct Milestones {
            $($(#[$doc])* pub $field: Milestone,)*
        }

        impl Default for Milestones {
            fn default() -> Self {
                Milestones { $($field: Milestone::new($name),)* }
            }
        }

        impl Milestones {
            /// All of them, in the order in which health checks show them.
            pub fn all(&self) -> Vec<Milestone> {
                vec![$(self.$field.clone(),)*]
            }
        }
    };
}

milestones! {
    /// The namespaces of Kubernetes itself are there.
    namespaces: "start-system-namespaces-controller",
    /// The server's lease was renewed.
    identity: "start-kube-apiserver-identity-lease-controller",
    /// Leases of servers that went away were looked for.
    identities_collected: "start-kube-apiserver-identity-lease-garbage-collector",
    /// It is noted since when tokens without an end are looked after.
    legacy_token_tracking: "start-legacy-token-tracking-controller",
    /// Addresses and ports of services were compared with what is taken.
    service_repair: "start-service-ip-repair-controllers",
    /// Roles and bindings are there and up to date.
    roles: "rbac/bootstrap-roles",
    /// The priority classes of Kubernetes itself are there.
    priority_classes: "scheduling/bootstrap-system-priority-classes",
    /// Flow schemas and priority levels are there and up to date.
    flow_control: "priority-and-fairness-config-producer",
    /// The service `kubernetes` is there.
    kubernetes_service: "bootstrap-controller",
    /// The range that services have their addresses from can be used.
    service_range: "start-kubernetes-service-cidr-controller",
    /// The APIServices of what the server itself serves are there.
    api_services: "kube-apiserver-autoregistration",
}
