use super::*;
use crate::registry::options::DeleteOptions;
use crate::registry::tests::{Cluster, set};

const ADDRESSES: &str = "networking.k8s.io/ipaddresses";

fn service(name: &str, spec: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{spec}}}"#)
}

async fn events(cluster: &Cluster) -> Vec<String> {
    let store = cluster.store("events");
    let listing = store.list(None, &ListOptions::default()).await.unwrap();
    let decoded = listing.items.iter().map(|item| item.decode(store.resource().type_id).unwrap());
    let mut reasons: Vec<String> = decoded.map(|event| event.str_at(&["reason"]).to_owned()).collect();
    reasons.sort();
    reasons
}

fn repair(cluster: &Cluster) -> ServiceRepair {
    ServiceRepair::new(&cluster.registry).expect("all stores")
}

#[tokio::test]
async fn addresses_that_nobody_noted_are_noted_and_leaked_ones_given_back() {
    let cluster = Cluster::new().await;
    let made = cluster.create("services", "ns", &service("a", "{}")).await.unwrap();
    let address = made.str_at(&["spec", "clusterIP"]).to_owned();
    cluster.delete(ADDRESSES, "", &address, &DeleteOptions::default()).await.unwrap();
    let leaked = r#"{"metadata":{"name":"10.0.0.9","labels":{"ipaddress.kubernetes.io/managed-by":"ipallocator.k8s.io",
        "ipaddress.kubernetes.io/ip-family":"IPv4"}},"spec":{"parentRef":{"resource":"services","namespace":"ns","name":"b"}}}"#;
    cluster.create(ADDRESSES, "", leaked).await.unwrap();
    // Others' addresses are theirs.
    let others = r#"{"metadata":{"name":"10.0.0.10"},"spec":{"parentRef":{"group":"g","resource":"gateways","namespace":"ns","name":"b"}}}"#;
    cluster.create(ADDRESSES, "", others).await.unwrap();

    let mut repair = repair(&cluster);
    repair.once().await.unwrap();
    let noted = cluster.get(ADDRESSES, "", &address).await.unwrap();
    assert_eq!(noted.str_at(&["spec", "parentRef", "name"]), "a");
    assert_eq!(events(&cluster).await, ["ClusterIPNotAllocated"]);
    assert!(cluster.get(ADDRESSES, "", "10.0.0.9").await.is_ok(), "a request may be about to use it");

    repair.leaked_after = -1;
    repair.once().await.unwrap();
    assert_eq!(cluster.get(ADDRESSES, "", "10.0.0.9").await.unwrap_err().code(), 404);
    assert!(cluster.get(ADDRESSES, "", "10.0.0.10").await.is_ok());
    assert!(cluster.get(ADDRESSES, "", &address).await.is_ok());
    cluster.close().await;
}

#[tokio::test]
async fn what_is_noted_of_others_is_corrected_and_conflicts_are_told() {
    let cluster = Cluster::new().await;
    let at = r#"{"clusterIP":"10.0.0.20","clusterIPs":["10.0.0.20"]}"#;
    cluster.create("services", "ns", &service("a", at)).await.unwrap();
    // The object is taken away and made somebody else's.
    cluster.delete(ADDRESSES, "", "10.0.0.20", &DeleteOptions::default()).await.unwrap();
    let wrong = r#"{"metadata":{"name":"10.0.0.20"},"spec":{"parentRef":{"resource":"services","namespace":"ns","name":"gone"}}}"#;
    cluster.create(ADDRESSES, "", wrong).await.unwrap();
    let mut repair = repair(&cluster);
    repair.once().await.unwrap();
    let noted = cluster.get(ADDRESSES, "", "10.0.0.20").await.unwrap();
    assert_eq!(noted.str_at(&["spec", "parentRef", "name"]), "a");
    assert_eq!(noted.label("ipaddress.kubernetes.io/managed-by"), Some("ipallocator.k8s.io"));

    // Two services with one address, and one outside of all ranges.
    cluster.delete(ADDRESSES, "", "10.0.0.20", &DeleteOptions::default()).await.unwrap();
    cluster.create("services", "ns", &service("b", at)).await.unwrap();
    cluster.add_service_range("more", r#""10.9.0.0/24""#).await;
    let beyond = r#"{"clusterIP":"10.9.0.3","clusterIPs":["10.9.0.3"]}"#;
    cluster.create("services", "ns", &service("c", beyond)).await.unwrap();
    let options = DeleteOptions::default();
    cluster.delete("networking.k8s.io/servicecidrs", "", "more", &options).await.unwrap();
    repair.once().await.unwrap();
    repair.once().await.unwrap();
    let told = ["ClusterIPAlreadyAllocated", "ClusterIPNotAllocated", "ClusterIPOutOfRange"];
    assert_eq!(events(&cluster).await, told, "each is told once");
    cluster.close().await;
}

#[tokio::test]
async fn node_ports_are_noted_and_given_back_once_they_are_surely_leaked() {
    let cluster = Cluster::new().await;
    let ports = r#"{"type":"NodePort","ports":[{"port":80,"nodePort":30100,"protocol":"TCP"}]}"#;
    cluster.create("services", "ns", &service("a", ports)).await.unwrap();
    let mut repair = repair(&cluster);
    let nobody = BTreeSet::new();
    let leak = BTreeSet::from([30200]);
    let used = BTreeSet::from([30100]);
    repair
        .ports
        .change(&nobody, |taken| {
            taken.give_back(&used);
            taken.add(&leak);
            Ok(())
        })
        .await
        .unwrap();
    for turn in 1..=4 {
        repair.once().await.unwrap();
        let taken = repair.ports.look(&nobody).await.unwrap();
        assert!(taken.contains(30100));
        assert_eq!(taken.contains(30200), turn <= 3, "turn {turn}");
    }
    assert_eq!(events(&cluster).await, ["PortNotAllocated"]);
    cluster.close().await;
}

#[tokio::test]
async fn two_servers_give_no_address_twice_and_leak_none() {
    let cluster = Cluster::with(|config| {
        config.services.cidrs = crate::registry::ServiceNetwork::parse_cidrs("10.0.0.0/20").unwrap();
    })
    .await;
    let other =
        crate::registry::Registry::new(Arc::clone(&cluster.storage), cluster.registry.config().clone());
    let other = other.store("", "services").unwrap();
    let one = async |i: usize| {
        let server = if i.is_multiple_of(2) { cluster.store("services") } else { other };
        // Every tenth name is wanted twice: one of the two fails, and gives back what it took.
        let name = format!("s{}", if i % 10 == 9 { i - 1 } else { i });
        let spec = if i.is_multiple_of(4) { r#"{"type":"NodePort","ports":[{"port":80}]}"# } else { "{}" };
        let object = cluster.object("services", &service(&name, spec));
        let context = cluster.context("ns");
        let made = server.create(&context, object, &NoAdmission).await.is_ok();
        if made && i.is_multiple_of(7) {
            server.delete(&context, &name, &DeleteOptions::default(), &NoAdmission).await.unwrap();
        }
    };
    for batch in 0..20 {
        futures::future::join_all((0..100).map(|i| one(batch * 100 + i))).await;
    }
    let repair = repair(&cluster);
    let services = repair.services().await.unwrap();
    assert!(services.len() > 1400, "{}", services.len());
    let mut held = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for service in services.values() {
        let claims = claims(service);
        assert_eq!(claims.addresses.len(), 1);
        assert!(claims.addresses.iter().all(|a| held.insert(*a)), "{claims:?} is given twice");
        assert!(claims.ports.iter().all(|p| ports.insert(*p)), "{claims:?} is given twice");
    }
    let noted: BTreeSet<IpAddr> =
        repair.addresses.holders().await.unwrap().iter().filter_map(Holder::address).collect();
    assert_eq!(noted, held, "what is noted is what services have");
    let noted: BTreeSet<u16> = repair.ports.look(&BTreeSet::new()).await.unwrap().iter().collect();
    assert_eq!(noted, ports);
    cluster.close().await;
}

#[tokio::test]
async fn addresses_come_from_every_range_that_is_ready() {
    let cluster = Cluster::with(|config| {
        config.services.cidrs = crate::registry::ServiceNetwork::parse_cidrs("10.0.0.0/29").unwrap();
    })
    .await;
    for i in 0..6 {
        cluster.create("services", "ns", &service(&format!("s{i}"), "{}")).await.unwrap();
    }
    let status = cluster.create("services", "ns", &service("t", "{}")).await.unwrap_err();
    assert!(status.message().ends_with("range is full"), "{}", status.message());
    cluster.add_service_range("more", r#""10.9.0.0/24""#).await;
    let made = cluster.create("services", "ns", &service("t", "{}")).await.unwrap();
    assert!(made.str_at(&["spec", "clusterIP"]).starts_with("10.9.0."));
    // One that goes away hands out nothing any more.
    let range = "networking.k8s.io/servicecidrs";
    cluster
        .patch(range, cluster.context(""), "more", |o| set(o, &["metadata", "finalizers"], r#"["a/b"]"#))
        .await
        .unwrap();
    cluster.delete(range, "", "more", &DeleteOptions::default()).await.unwrap();
    let wanted = r#"{"clusterIP":"10.9.0.77","clusterIPs":["10.9.0.77"]}"#;
    let status = cluster.create("services", "ns", &service("u", wanted)).await.unwrap_err();
    let why = "failed to allocate IP 10.9.0.77: the provided network does not match the current range";
    assert!(status.message().ends_with(why), "{}", status.message());
    cluster.close().await;
}
