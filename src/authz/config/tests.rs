//! What configurations may say, what is said of wrong ones, and how new ones are taken over.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use keelson_base::metrics::Registry;

use super::*;
use crate::authz::{AlwaysAllow, Attributes, AuthorizationMetrics, Authorizer, Lasting, Verdict};
use crate::outbound::testing::{Peer, Reply};
use crate::request::{RequestInfo, UserInfo};

fn text(authorizers: &str) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: {authorizers}\n"
    )
}

/// A webhook's configuration with these members in place of the usual ones.
fn webhook(kubeconfig: &Path, changed: &[(&str, &str)]) -> String {
    let connection = format!("{{type: KubeConfigFile, kubeConfigFile: {:?}}}", kubeconfig.display());
    let mut members = vec![
        ("timeout", "3s"),
        ("subjectAccessReviewVersion", "v1"),
        ("failurePolicy", "Deny"),
        ("connectionInfo", connection.as_str()),
    ];
    members.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    members.extend(changed.iter().filter(|(_, value)| !value.is_empty()));
    let mut out = String::new();
    for (name, value) in members {
        write!(out, "{name}: {value}, ").expect("written");
    }
    format!("{{type: Webhook, name: hook, webhook: {{{out}}}}}")
}

struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(folder.path().join("kubeconfig"), "{}").expect("written");
        File { folder }
    }

    fn kubeconfig(&self) -> std::path::PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("authz.yaml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).expect("written");
    }
}

#[test]
fn a_configuration_says_whom_to_ask_in_which_order() {
    let file = File::new();
    let hook = webhook(&file.kubeconfig(), &[]);
    let configured = load(
        text(&format!("[{{type: ABAC, name: abac}}, {hook}, {{type: RBAC, name: rbac}}]")).as_bytes(),
        &[],
    );
    let settings = Settings {
        kubeconfig: file.kubeconfig(),
        version: ReviewVersion::V1,
        authorized_ttl: Duration::from_secs(300),
        unauthorized_ttl: Duration::from_secs(30),
        timeout: Duration::from_secs(3),
        on_failure: Decision::Deny,
        conditions: Vec::new(),
    };
    let wanted = vec![
        Configured::usual(Mode::Abac),
        Configured::webhook("hook", settings.clone()),
        Configured::usual(Mode::Rbac),
    ];
    assert_eq!(configured, Ok(wanted));
    let changed = [
        ("authorizedTTL", "1m30s"),
        ("unauthorizedTTL", "1h"),
        ("cacheUnauthorizedRequests", "false"),
        ("cacheAuthorizedRequests", "true"),
        ("failurePolicy", "NoOpinion"),
        ("subjectAccessReviewVersion", "v1beta1"),
    ];
    let other = Settings {
        version: ReviewVersion::V1beta1,
        authorized_ttl: Duration::from_secs(90),
        unauthorized_ttl: Duration::ZERO,
        on_failure: Decision::NoOpinion,
        ..settings
    };
    for version in VERSIONS {
        let text = text(&format!("[{}]", webhook(&file.kubeconfig(), &changed)));
        let text = text.replace(VERSIONS[0], version);
        assert_eq!(load(text.as_bytes(), &[]), Ok(vec![Configured::webhook("hook", other.clone())]));
    }
}

#[test]
fn what_is_wrong_is_told_with_its_path() {
    let check = |authorizers: &str, wanted: &[&str]| {
        let failure = load(text(authorizers).as_bytes(), &[]).expect_err(authorizers);
        let wanted = if let [one] = wanted { (*one).to_owned() } else { format!("[{}]", wanted.join(", ")) };
        assert_eq!(failure, wanted, "{authorizers}");
    };
    check("[]", &["authorizers: Required value: at least one authorization mode must be defined"]);
    check("[{name: a}]", &["authorizers[0].type: Required value"]);
    let types = r#"supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook""#;
    check("[{type: X, name: a}]", &[&format!("authorizers[0].type: Unsupported value: \"X\": {types}")]);
    check(
        "[{type: RBAC, name: rbac}, {type: RBAC, name: other}]",
        &["authorizers[1].type: Duplicate value: \"RBAC\""],
    );
    check("[{type: RBAC}]", &["authorizers[0].name: Required value"]);
    check("[{type: RBAC, name: a}, {type: ABAC, name: a}]", &["authorizers[1].name: Duplicate value: \"a\""]);
    let name = load(text("[{type: RBAC, name: A_}]").as_bytes(), &[]).expect_err("a bad name");
    let wanted =
        "authorizers[0].name: Invalid value: \"A_\": authorizer name is invalid: a lowercase RFC 1123";
    assert!(name.starts_with(wanted), "{name}");
    check(
        "[{type: RBAC, name: rbac, webhook: {}}]",
        &["authorizers[0].webhook: Invalid value: \"non-null\": may only be specified when type=Webhook"],
    );
    check(
        "[{type: Webhook, name: a}]",
        &["authorizers[0].webhook: Required value: required when type=Webhook"],
    );
    check(
        "[{type: Webhook, name: a, webhook: {}}]",
        &[
            "authorizers[0].timeout: Required value",
            "authorizers[0].subjectAccessReviewVersion: Required value",
            "authorizers[0].failurePolicy: Required value",
            "authorizers[0].connectionInfo.type: Required value",
        ],
    );
    check(
        "[{type: RBAC, name: b}, {type: ABAC, name: c}]",
        &[
            "expected name rbac for authorizer RBAC instead of b",
            "expected name abac for authorizer ABAC instead of c",
        ],
    );
}

#[test]
fn webhooks_are_held_to_the_rules() {
    let file = File::new();
    let check = |changed: &[(&str, &str)], wanted: &str| {
        let given = text(&format!("[{}]", webhook(&file.kubeconfig(), changed)));
        assert_eq!(load(given.as_bytes(), &[]).err().unwrap_or_default(), wanted, "{changed:?}");
    };
    check(&[], "");
    for (span, shown) in [("31s", "31s"), ("-1s", "-1s"), ("1m", "1m0s")] {
        let why = format!("authorizers[0].timeout: Invalid value: \"{shown}\": must be > 0s and <= 30s");
        check(&[("timeout", span)], &why);
    }
    for name in ["authorizedTTL", "unauthorizedTTL"] {
        let why = format!("authorizers[0].{name}: Invalid value: \"-1s\": must be > 0s");
        check(&[(name, "-1s")], &why);
    }
    check(
        &[("subjectAccessReviewVersion", "v2")],
        "authorizers[0].subjectAccessReviewVersion: Unsupported value: \"v2\": supported values: \"v1\", \"v1beta1\"",
    );
    check(
        &[("matchConditionSubjectAccessReviewVersion", "v1beta1")],
        "authorizers[0].matchConditionSubjectAccessReviewVersion: Unsupported value: \"v1beta1\": supported values: \
         \"v1\"",
    );
    check(
        &[("failurePolicy", "Allow")],
        "authorizers[0].failurePolicy: Unsupported value: \"Allow\": supported values: \"NoOpinion\", \"Deny\"",
    );
    let at = "authorizers[0].connectionInfo";
    check(
        &[("connectionInfo", "{type: X}")],
        &format!(
            "{at}.type: Unsupported value: \"X\": supported values: \"InClusterConfig\", \"KubeConfigFile\""
        ),
    );
    check(
        &[("connectionInfo", "{type: InClusterConfig}")],
        &format!("{at}.type: Invalid value: \"InClusterConfig\": not supported by this version of Keelson"),
    );
    check(&[("connectionInfo", "{type: KubeConfigFile}")], &format!("{at}.kubeConfigFile: Required value"));
    check(
        &[("connectionInfo", "{type: KubeConfigFile, kubeConfigFile: a}")],
        &format!("{at}.kubeConfigFile: Invalid value: \"a\": must be an absolute path"),
    );
    check(
        &[("connectionInfo", "{type: KubeConfigFile, kubeConfigFile: /}")],
        &format!("{at}.kubeConfigFile: Invalid value: \"/\": must be a regular file"),
    );
    let read = "failed to load AuthorizationConfiguration from file: ";
    check(
        &[("timeout", "'3'")],
        &format!("{read}authorizers[0].webhook.timeout: time: missing unit in duration \"3\""),
    );
    check(
        &[("retries", "3")],
        &format!("{read}strict decoding error: unknown field \"authorizers[0].webhook.retries\""),
    );
}

#[test]
fn an_empty_file_configures_nobody() {
    let wanted = "authorizers: Required value: at least one authorization mode must be defined";
    assert_eq!(load(b"", &[]), Err(wanted.to_owned()));
}

struct Bench {
    file: File,
    follower: Follower,
    authorizer: Arc<dyn Authorizer>,
    registry: Registry,
}

impl Bench {
    fn new(first: &str) -> Result<Self, String> {
        let file = File::new();
        file.write(first);
        let registry = Registry::new();
        let metrics = AuthorizationMetrics::new(&registry).expect("metrics");
        let lasting = Lasting { rbac: Some(Arc::new(AlwaysAllow)), ..Lasting::default() };
        let read = Follower::read(&file.path())?;
        let follower = Follower::new(file.path(), read, lasting, metrics, &registry, "me")?;
        let authorizer = follower.authorizer();
        Ok(Bench { file, follower, authorizer, registry })
    }

    async fn ask(&self) -> Verdict {
        let user = UserInfo { name: "alice".to_owned(), ..UserInfo::default() };
        let info = RequestInfo::parse(&http::Method::GET, &http::Uri::from_static("/api/v1/nodes"));
        self.authorizer.authorize(&Attributes::of(&user, &info.expect("readable"))).await
    }

    fn counted(&self, name: &str, labels: &str) -> Option<String> {
        let text = self.registry.encode().expect("metrics");
        let sample = format!("{name}{{{labels}}} ");
        text.lines().find_map(|line| line.strip_prefix(&sample).map(str::to_owned))
    }

    fn reloads(&self) -> [u64; 2] {
        ["success", "failure"].map(|status| {
            let name = "apiserver_authorization_config_controller_automatic_reloads_total";
            let labels = format!("apiserver_id_hash=\"{}\",status=\"{status}\"", hash("me"));
            self.counted(name, &labels).map_or(0, |count| count.parse().expect("a number"))
        })
    }

    fn in_use(&self) -> bool {
        let text = std::fs::read_to_string(self.file.path()).unwrap_or_default();
        let labels = format!("apiserver_id_hash=\"{}\",hash=\"{}\"", hash("me"), hash(&text));
        self.counted("apiserver_authorization_config_controller_last_config_info", &labels).is_some()
    }
}

fn hash(text: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(text.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

const RBAC: &str = "[{type: RBAC, name: rbac}]";
const DENIED_FIRST: &str = "[{type: AlwaysDeny, name: alwaysdeny}, {type: RBAC, name: rbac}]";

#[tokio::test]
async fn new_configurations_are_taken_over_and_wrong_ones_are_not() {
    let peer = Peer::start(|_, _| Reply::ok(r#"{"status":{"denied":true,"reason":"by the hook"}}"#)).await;
    let mut bench = Bench::new(&text(RBAC)).expect("a chain");
    assert!(bench.ask().await.is_allowed());
    assert_eq!((bench.reloads(), bench.in_use()), ([0, 0], true));
    bench.follower.look();
    assert_eq!(bench.reloads(), [0, 0], "nothing is new");
    bench.file.write(&format!("# the same\n{}", text(RBAC)));
    bench.follower.look();
    assert_eq!(bench.reloads(), [0, 0], "nothing else is said");

    let kubeconfig = peer.kubeconfig(bench.file.folder.path());
    let hook = webhook(&kubeconfig, &[]);
    bench.file.write(&text(&format!("[{hook}, {{type: RBAC, name: rbac}}]")));
    bench.follower.look();
    assert_eq!((bench.reloads(), bench.in_use()), ([1, 0], true));
    assert_eq!(bench.ask().await, Verdict::new(Decision::Deny, "by the hook"));
    let name = "apiserver_authorization_decisions_total";
    let denied = bench.counted(name, "decision=\"denied\",name=\"hook\",type=\"Webhook\"");
    assert_eq!(denied.as_deref(), Some("1"));

    let unusable = webhook(&bench.file.kubeconfig(), &[]);
    let mut failures = 0;
    for wrong in [
        "nothing".to_owned(),
        text("[]"),
        text("[{type: AlwaysAllow, name: alwaysallow}]"),
        text("[{type: RBAC, name: rbac}, {type: ABAC, name: abac}]"),
        text(&format!("[{{type: RBAC, name: rbac}}, {unusable}]")),
    ] {
        bench.file.write(&wrong);
        failures += 1;
        for _ in 0..2 {
            bench.follower.look();
            assert_eq!((bench.reloads(), bench.in_use()), ([1, failures], false), "{wrong}");
        }
        assert_eq!(bench.ask().await.decision, Decision::Deny, "the old one stays: {wrong}");
    }
    std::fs::remove_file(bench.file.path()).expect("removed");
    bench.follower.look();
    assert_eq!(bench.reloads(), [1, failures + 1]);

    bench.file.write(&text(DENIED_FIRST));
    bench.follower.look();
    assert_eq!((bench.reloads(), bench.in_use()), ([2, failures + 1], true));
    assert!(bench.ask().await.is_allowed(), "always to deny is to have no opinion");
}

#[test]
fn a_first_configuration_must_be_usable() {
    let check = |given: &str, wanted: &str| {
        let failure = Bench::new(given).err().unwrap_or_default();
        assert!(failure.contains(wanted), "{given}: {failure}");
    };
    check("", "at least one authorization mode must be defined");
    check("a: [", "failed to load AuthorizationConfiguration from file: ");
    check(&text("[{type: ABAC, name: abac}]"), "authorizer type ABAC is not allowed if it was not enabled");
    let file = File::new();
    check(&text(&format!("[{}]", webhook(&file.kubeconfig(), &[]))), "no configuration has been provided");
}

#[test]
fn conditions_are_compiled() {
    let file = File::new();
    let check = |conditions: &str, wanted: &str| {
        let changed = [("matchConditionSubjectAccessReviewVersion", "v1"), ("matchConditions", conditions)];
        let given = text(&format!("[{}]", webhook(&file.kubeconfig(), &changed)));
        assert_eq!(load(given.as_bytes(), &[]).err().unwrap_or_default(), wanted, "{conditions}");
    };
    let at = "authorizers[0].matchConditions";
    check("[{expression: 'true'}, {expression: has(request.resourceAttributes)}]", "");
    check("[{expression: ' '}]", &format!("{at}[0].expression: Required value"));
    check(
        "[{expression: 'true'}, {expression: 'true'}]",
        &format!("{at}[1].expression: Duplicate value: \"true\""),
    );
    check(
        "[{expression: request.user}]",
        &format!("{at}[0].expression: Invalid value: \"request.user\": must evaluate to bool but got string"),
    );
    check(
        "[{expression: request.name == ''}]",
        &format!(
            "{at}[0].expression: Invalid value: \"request.name == ''\": compilation failed: ERROR: <input>:1:8: \
             undefined field 'name'\n | request.name == ''\n | .......^"
        ),
    );
    let many: Vec<String> = (0..65).map(|n| format!("{{expression: 'request.uid == \"{n}\"'}}")).collect();
    check(&format!("[{}]", many.join(", ")), &format!("{at}: Too many: 65: must have at most 64 items"));
    let without =
        text(&format!("[{}]", webhook(&file.kubeconfig(), &[("matchConditions", "[{expression: 'true'}]")])));
    assert_eq!(
        load(without.as_bytes(), &[]),
        Err("authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are \
             specified"
            .to_owned())
    );
}
