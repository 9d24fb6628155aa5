//! Command lines, good and bad.

mod kubeadm;
mod metrics;
mod serving;
mod stores;
mod upstream;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::authn::{Anonymous, service_account};
use crate::authz;
use crate::registry::ServiceNetwork;
use crate::server::config::{CertificateFiles, Config, Reconciler, Storage, WatchCaches};
use crate::telemetry::Format;

fn environment() -> Environment {
    Environment { data_home: None, home: Some("/home/me".into()) }
}

fn parse_line(arguments: &[&str]) -> Result<Outcome, Vec<Error>> {
    parse(arguments.iter().map(OsString::from), &environment())
}

fn config(arguments: &[&str]) -> Config {
    match parse_line(arguments) {
        Ok(Outcome::Run(config)) => *config,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

/// The command line is refused, with these lines.
fn refused(arguments: &[&str], lines: &[&str]) {
    let errors = parse_line(arguments).expect_err(&format!("{arguments:?} must be refused"));
    let got: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(got, lines, "{arguments:?}");
}

#[test]
fn defaults_are_upstreams_but_for_the_store() {
    let config = config(&[]);
    assert_eq!(config.serving.bind_address, "0.0.0.0".parse::<IpAddr>().expect("an address"));
    assert_eq!((config.serving.port, config.serving.http2_max_streams), (6443, 100));
    assert!(
        config.serving.tls12 && config.serving.certificate.is_none() && !config.serving.permit_port_sharing
    );
    assert_eq!(config.serving.cipher_suites.len(), 9);
    assert_eq!(config.storage, Storage::Embedded);
    assert_eq!(config.watch_caches, WatchCaches::AllBut(Vec::new()));
    assert_eq!(config.data_dir, Path::new("/home/me/.local/share/keelson"));
    assert_eq!(config.serving.cert_dir, config.data_dir);
    assert_eq!(config.limits.request_timeout, Duration::from_secs(60));
    assert_eq!((config.limits.max_reading, config.limits.max_mutating), (Some(400), Some(200)));
    assert_eq!(config.limits.min_watch, Duration::from_secs(1800));
    assert_eq!(config.shutdown_delay, Duration::ZERO);
    assert_eq!(config.authorization, vec![authz::Mode::Rbac].into());
    assert_eq!(config.authentication.anonymous, Anonymous::Everywhere);
    assert_eq!(config.services, ServiceNetwork::default());
    assert_eq!(config.event_ttl, Duration::from_secs(3600));
    assert_eq!((config.logging.format, config.logging.verbosity), (Format::Text, 0));
}

#[test]
fn logs_and_traces_are_as_flags_say() {
    let modules = |arguments: &[&str]| {
        let modules = config(arguments).logging.modules.into_iter();
        modules.map(|item| (item.pattern, item.verbosity)).collect::<Vec<_>>()
    };
    assert_eq!(modules(&["--vmodule="]), []);
    let wanted = [("httplog".to_owned(), 3), ("server*".to_owned(), 6)];
    assert_eq!(modules(&["--vmodule=httplog=3,server*=6"]), wanted);
    assert_eq!(modules(&["--vmodule=httplog=3", "--vmodule=server*=6"]), wanted);
    assert_eq!(config(&[]).tracing_file, None);
    assert_eq!(config(&["--tracing-config-file=/t.yaml"]).tracing_file, Some(PathBuf::from("/t.yaml")));
    config(&["--log-flush-frequency=1s", "--log-text-split-stream=false", "--log-text-info-buffer-size=0"]);
    for (line, flag, wanted) in [
        ("--vmodule=a", "--vmodule", "expect comma-separated list of filename=N"),
        ("--vmodule==1", "--vmodule", "expect comma-separated list of filename=N"),
        ("--vmodule=a=b", "--vmodule", "not a whole number"),
        ("--vmodule=a=-1", "--vmodule", "negative"),
        ("--vmodule=a=1 --logging-format=json", "--vmodule", "Only supported for text log format"),
        ("--log-flush-frequency=0", "--log-flush-frequency", "Must be greater than zero"),
        ("--log-text-split-stream", "--log-text-split-stream", "not supported"),
        ("--log-text-info-buffer-size=1M", "--log-text-info-buffer-size", "not supported"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let errors = parse_line(&arguments).expect_err(line);
        assert!(
            errors.len() == 1 && errors[0].flag == flag && errors[0].reason.contains(wanted),
            "{errors:?}"
        );
    }
}

#[test]
fn the_service_kubernetes_and_compaction_are_as_flags_say() {
    let service = |arguments: &[&str]| {
        let service = config(arguments).kubernetes_service;
        (service.reconciler, service.node_port)
    };
    assert_eq!(service(&[]), (Reconciler::Lease, None));
    assert_eq!(service(&["--endpoint-reconciler-type=none"]), (Reconciler::None, None));
    assert_eq!(service(&["--kubernetes-service-node-port=30443"]), (Reconciler::Lease, Some(30443)));
    assert_eq!(service(&["--kubernetes-service-node-port=0"]).1, None);
    refused(
        &["--kubernetes-service-node-port=443"],
        &[
            "--kubernetes-service-node-port: kubernetes service node port range 30000-32767 doesn't contain 443",
        ],
    );
    for (flag, wanted) in [
        ("--endpoint-reconciler-type=master-count", "deprecated"),
        ("--endpoint-reconciler-type=x", "unknown endpoint reconciler"),
        ("--kubernetes-service-node-port=70000", "must be between 0 and 65535, inclusive"),
        ("--etcd-compaction-interval=-1s", "negative"),
    ] {
        let errors = parse_line(&[flag]).expect_err(flag);
        assert!(errors.len() == 1 && errors[0].reason.contains(wanted), "{flag}: {errors:?}");
    }
    let interval = |arguments: &[&str]| config(arguments).compaction_interval;
    assert_eq!(interval(&[]), Duration::from_secs(300));
    assert_eq!(interval(&["--etcd-compaction-interval=0"]), Duration::ZERO);
    assert_eq!(interval(&["--etcd-compaction-interval=1m30s"]), Duration::from_secs(90));
}

#[test]
fn values_are_written_as_go_takes_them() {
    for port in [["--secure-port", "7000"].as_slice(), &["--secure-port=0x1b58"], &["--secure_port=7000"]] {
        assert_eq!(config(port).serving.port, 7000, "{port:?}");
    }
    assert_eq!(config(&["--secure-port=1", "--secure-port=7000"]).serving.port, 7000, "the last one counts");
    for (flag, shared) in [
        ("--permit-port-sharing", true),
        ("--permit-port-sharing=true", true),
        ("--permit-port-sharing=T", true),
        ("--permit-port-sharing=false", false),
        ("--permit-port-sharing=0", false),
    ] {
        assert_eq!(config(&[flag]).serving.permit_port_sharing, shared, "{flag}");
    }
    let caches = |arguments: &[&str]| config(arguments).watch_caches;
    assert_eq!(caches(&["--watch-cache=false", "--watch-cache-sizes=pods#0"]), WatchCaches::Off);
    let off = |resources: &[(&str, &str)]| {
        let owned = resources.iter().map(|(group, plural)| ((*group).to_owned(), (*plural).to_owned()));
        WatchCaches::AllBut(owned.collect())
    };
    assert_eq!(
        caches(&[
            "--watch-cache",
            "--watch-cache-sizes=pods#0,nodes#100",
            "--watch-cache-sizes=deployments.apps#0"
        ]),
        off(&[("", "pods"), ("apps", "deployments")])
    );
    let etcd = |arguments: &[&str]| match config(arguments).storage {
        Storage::Etcd(etcd) => etcd,
        Storage::Embedded => panic!("{arguments:?}: not etcd"),
    };
    let servers =
        ["--etcd-servers=http://a:1,https://b:2", "--etcd-servers", "http://c:3", "--etcd-prefix=x/"];
    assert_eq!(etcd(&servers).servers, ["http://a:1", "https://b:2", "http://c:3"]);
    assert_eq!((etcd(&servers).prefix.as_str(), etcd(&servers[..1]).prefix.as_str()), ("/x", "/registry"));
    assert_eq!(config(&["--request-timeout=1m30s"]).limits.request_timeout, Duration::from_secs(90));
    for verbose in [["-v", "4"].as_slice(), &["-v=4"], &["-v4"], &["--v=4"], &["--v", "4"]] {
        assert_eq!(config(verbose).logging.verbosity, 4, "{verbose:?}");
    }
    assert_eq!(config(&["--max-requests-inflight=0"]).limits.max_reading, None);
    assert_eq!(config(&["--http2-max-streams-per-connection=7"]).serving.http2_max_streams, 7);
    let ranges = config(&["--service-cluster-ip-range=10.96.0.7/12,fd00::/112"]).services.cidrs;
    assert_eq!(ranges.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.96.0.0/12", "fd00::/112"]);
    for (text, first, last) in [("1000-2000", 1000, 2000), ("1000+5", 1000, 1005), ("80", 80, 80)] {
        let range = config(&[&format!("--service-node-port-range={text}")]).services.node_ports;
        assert_eq!((range.first, range.last), (first, last), "{text}");
    }
    assert_eq!(config(&["--event-ttl=10m"]).event_ttl, Duration::from_secs(600));
    let modes = config(&["--authorization-mode=RBAC,AlwaysAllow"]).authorization;
    assert_eq!(modes, vec![authz::Mode::Rbac, authz::Mode::AlwaysAllow].into());
    let modes = config(&["--authorization-mode=Node,RBAC"]).authorization;
    assert_eq!(modes, vec![authz::Mode::Node, authz::Mode::Rbac].into());
    assert_eq!(config(&["--logging-format=json"]).logging.format, Format::Json);
    assert!(!config(&["--tls-min-version=VersionTLS13"]).serving.tls12);
    assert_eq!(config(&["--anonymous-auth=false"]).authentication.anonymous, Anonymous::Disabled);
    let one_suite =
        config(&["--tls-cipher-suites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    assert_eq!(one_suite.serving.cipher_suites.len(), 4, "three of TLS 1.3 and the one that was named");
}

#[test]
fn files_are_taken_and_empty_ones_are_absent() {
    let path = |text: &str| Some(PathBuf::from(text));
    let pair = |name: &str| CertificateFiles {
        certificate: format!("/{name}.crt").into(),
        key: format!("/{name}.key").into(),
    };
    let given = config(&[
        "--data-dir=/data",
        "--cert-dir=/certs",
        "--tls-cert-file=/s.crt",
        "--tls-private-key-file=/s.key",
        "--client-ca-file=/ca.crt",
        "--token-auth-file=/tokens",
        "--etcd-servers=https://e:2379",
        "--etcd-cafile=/e-ca.crt",
        "--etcd-certfile=/e.crt",
        "--etcd-keyfile=/e.key",
    ]);
    assert_eq!((given.data_dir, given.serving.cert_dir), ("/data".into(), "/certs".into()));
    assert_eq!(given.serving.certificate, Some(pair("s")));
    assert_eq!(given.authentication.client_ca_file, path("/ca.crt"));
    assert_eq!(given.authentication.token_file, path("/tokens"));
    let Storage::Etcd(etcd) = given.storage else { panic!("not etcd") };
    assert_eq!((etcd.ca_file, etcd.client), (path("/e-ca.crt"), Some(pair("e"))));

    let empty = config(&["--client-ca-file=", "--tls-cert-file=", "--token-auth-file=", "--bind-address="]);
    assert_eq!(empty.authentication.client_ca_file, None);
    assert_eq!((empty.serving.certificate, empty.authentication.token_file), (None, None));
    assert!(empty.serving.bind_address.is_unspecified());
}

#[test]
fn every_fault_gets_its_line() {
    let unsupported = |flag: &str| format!("--{flag}: {}", unsupported::REASON);
    refused(
        &["--enable-logs-handler=true", "--secure-port=0", "--audit-log-path", "-", "--bind-address=x"],
        &[
            &unsupported("enable-logs-handler"),
            &unsupported("audit-log-path"),
            "--bind-address: invalid value \"x\": not an IP address",
            "--secure-port: 0 must be between 1 and 65535, inclusive. It cannot be turned off with 0",
        ],
    );
    refused(
        &["--no-such-flag", "value", "--other=1", "--secure-prot=1", "run"],
        &[
            "--no-such-flag: unknown flag",
            "--other: unknown flag",
            "--secure-prot: unknown flag; there is --secure-port",
            "run: unexpected argument: kube-apiserver takes flags only",
        ],
    );
    refused(
        &["--no-such-flag", "--token-auth-file"],
        &["--no-such-flag: unknown flag", "--token-auth-file: needs a value"],
    );
}

#[test]
fn bad_values_are_named() {
    let check = |argument: &str, reason: &str| {
        let flag = argument.split('=').next().expect("a flag");
        refused(&[argument], &[&format!("{flag}: {reason}")]);
    };
    check(
        "--secure-port=70000",
        "70000 must be between 1 and 65535, inclusive. It cannot be turned off with 0",
    );
    check("--secure-port=x", "invalid value \"x\": not a whole number");
    check("--permit-port-sharing=maybe", "invalid value \"maybe\": neither true nor false");
    check("--request-timeout=-1s", "invalid value \"-1s\": can not be negative value");
    check("--request-timeout=0", "invalid value \"0\": must be more than 0");
    check("--request-timeout=5", "invalid value \"5\": time: missing unit in duration \"5\"");
    check("--max-requests-inflight=-1", "invalid value \"-1\": can not be negative value");
    check("--advertise-address=0.0.0.0", "invalid value \"0.0.0.0\": others can't reach this address");
    check("--tls-cert-file=/a", "needs --tls-private-key-file");
    check("--tls-private-key-file=/a", "needs --tls-cert-file");
    check(
        "--tls-min-version=VersionTLS11",
        "VersionTLS11 is not supported by Keelson, which speaks TLS 1.2 and 1.3",
    );
    check("--tls-min-version=1.2", "unknown TLS version \"1.2\": give VersionTLS12 or VersionTLS13");
    check(
        "--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA",
        "Cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is insecure or outdated and not spoken by Keelson: leave it out",
    );
    check("--etcd-prefix=/x", "has no effect without --etcd-servers");
    check("--watch-cache=maybe", "invalid value \"maybe\": neither true nor false");
    check("--watch-cache-sizes=pods", "invalid value of watch cache size: pods");
    check("--watch-cache-sizes=#0", "invalid value of watch cache size: #0");
    check("--watch-cache-sizes=pods#x", "invalid size of watch cache size: pods#x");
    check("--watch-cache-sizes=pods#-1", "watch cache size cannot be negative: pods#-1");
    check(
        "--etcd-servers=localhost:2379",
        "invalid value \"localhost:2379\": must start with http:// or https://",
    );
    check("--authorization-mode=Everyone", "authorization-mode \"Everyone\" is not a valid mode");
    check("--authorization-mode=", "at least one authorization-mode must be passed");
    check("--service-cluster-ip-range=10.0.0.0", "\"10.0.0.0\" is no CIDR such as 10.96.0.0/12");
    for range in ["1-", "5-4", "0-5", "65535+1", "70000", "x"] {
        let reason = format!("invalid value {range:?}: not a range of ports, such as 30000-32767");
        check(&format!("--service-node-port-range={range}"), &reason);
    }
    check("--logging-format=xml", "unknown format \"xml\": give text or json");
    check("--v=x", "invalid value \"x\": not a whole number");
    refused(
        &["--advertise-address=fd00::1"],
        &["--advertise-address: fd00::1 must be of the family of --service-cluster-ip-range, 10.0.0.0/24"],
    );
    refused(
        &["--authorization-mode=Node,RBAC,Node"],
        &[
            "--authorization-mode: authorization-mode [\"Node\" \"RBAC\" \"Node\"] has mode specified more than once",
        ],
    );
}

#[test]
fn a_data_directory_must_be_known() {
    let nowhere = parse(Vec::new(), &Environment::default()).expect_err("no home");
    assert_eq!(nowhere[0].flag, "--data-dir");
    let environment = Environment { data_home: Some("/data".into()), home: Some("/home/me".into()) };
    match parse(Vec::new(), &environment) {
        Ok(Outcome::Run(config)) => assert_eq!(config.data_dir, Path::new("/data/keelson")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn admission_plugins_are_chosen_by_name() {
    let default = config(&[]).admission;
    assert!(default.plugins.contains(&"ServiceAccount") && !default.plugins.contains(&"NodeRestriction"));
    let chosen = config(&[
        "--enable-admission-plugins=NodeRestriction,AlwaysPullImages",
        "--disable-admission-plugins=ServiceAccount",
        "--default-not-ready-toleration-seconds=5",
        "--default-unreachable-toleration-seconds=-1",
        "--admission-control-config-file=/etc/admission.yaml",
    ])
    .admission;
    assert!(chosen.plugins.contains(&"NodeRestriction") && !chosen.plugins.contains(&"ServiceAccount"));
    assert_eq!((chosen.not_ready_seconds, chosen.unreachable_seconds), (5, -1));
    assert_eq!(chosen.file.as_deref(), Some(Path::new("/etc/admission.yaml")));
    let only = config(&["--admission-control=Priority,NamespaceLifecycle"]).admission;
    assert_eq!(only.plugins, ["NamespaceLifecycle", "Priority"], "in their own order");
    refused(
        &["--enable-admission-plugins=None,Priority", "--disable-admission-plugins=Priority,Some"],
        &[
            "--enable-admission-plugins: enable-admission-plugins plugin \"None\" is unknown",
            "--disable-admission-plugins: disable-admission-plugins plugin \"Some\" is unknown",
            "--enable-admission-plugins: [Priority] in enable-admission-plugins and disable-admission-plugins \
             overlapped",
        ],
    );
    refused(
        &["--enable-admission-plugins=NodeRestriction,ValidatingAdmissionWebhook"],
        &[
            "--enable-admission-plugins: plugin ValidatingAdmissionWebhook is not supported by this version of Keelson",
        ],
    );
    refused(
        &["--admission-control=Priority", "--enable-admission-plugins=Priority"],
        &[
            "--admission-control: admission-control and enable-admission-plugins/disable-admission-plugins flags are \
           mutually exclusive",
        ],
    );
}

#[test]
fn service_accounts_have_an_issuer_and_a_key_of_their_own_by_default() {
    let authentication = config(&[]).authentication;
    assert_eq!(authentication.service_accounts, service_account::Config::default());
    assert_eq!(authentication.api_audiences, [service_account::DEFAULT_ISSUER]);

    let authentication = config(&[
        "--service-account-issuer=https://a:1",
        "--service-account-issuer=b,c",
        "--service-account-key-file=one",
        "--service-account-key-file=two",
        "--service-account-signing-key-file=key",
        "--service-account-max-token-expiration=2h",
        "--service-account-extend-token-expiration=false",
        "--service-account-lookup=false",
        "--service-account-jwks-uri=https://keys/of/a",
    ])
    .authentication;
    let wanted = service_account::Config {
        issuers: vec!["https://a:1".into(), "b,c".into()],
        key_files: vec!["one".into(), "two".into()],
        signing_key_file: Some("key".into()),
        max_expiration: Some(Duration::from_secs(7200)),
        extend_expiration: false,
        lookup: false,
        keys_url: Some("https://keys/of/a".into()),
    };
    assert_eq!(authentication.service_accounts, wanted);
    assert_eq!(authentication.api_audiences, wanted.issuers);
    let named = config(&["--api-audiences=a,b", "--api-audiences=c"]).authentication;
    assert_eq!(named.api_audiences, ["a", "b", "c"]);
}

#[test]
fn flags_of_service_accounts_are_checked() {
    let check = |flag: &str, reason: &str| {
        let name = flag.split('=').next().unwrap_or_default();
        refused(&[flag], &[&format!("{name}: {reason}")]);
    };
    let bounds = "the service-account-max-token-expiration must be between 1 hour and 2^32 seconds";
    check("--service-account-max-token-expiration=59m", bounds);
    check("--service-account-max-token-expiration=1193047h", bounds);
    let colon = "first path segment in URL cannot contain colon";
    check(
        "--service-account-issuer=1:2",
        &format!("\"1:2\" contained a ':' but was not a valid URL: {colon}"),
    );
    check("--service-account-issuer=", "should not be an empty string");
    check("--service-account-jwks-uri=http://a", "requires https scheme, parsed as: http://a");
    check("--service-account-jwks-uri=:a", "must be a valid URL: missing protocol scheme");
    refused(
        &["--service-account-issuer=a", "--service-account-issuer=a"],
        &["--service-account-issuer: \"a\" is already specified"],
    );
    refused(
        &["--service-account-key-file=a"],
        &[
            "--service-account-signing-key-file: must be set together with --service-account-key-file",
            "--service-account-issuer: service-account-issuer is a required flag",
        ],
    );
    refused(
        &["--service-account-issuer=a", "--service-account-signing-key-file=a"],
        &["--service-account-key-file: must be set together with --service-account-signing-key-file"],
    );
}

#[test]
fn authorizers_come_from_flags_or_from_a_file() {
    use crate::authz::webhook::{ReviewVersion, Settings};
    use crate::authz::{Config, Configured, Decision, Mode, Source};
    let check = |arguments: &[&str], wanted: Config| {
        assert_eq!(config(arguments).authorization, wanted, "{arguments:?}");
    };
    let settings = Settings {
        kubeconfig: "/hook".into(),
        version: ReviewVersion::V1beta1,
        authorized_ttl: Duration::from_secs(300),
        unauthorized_ttl: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        on_failure: Decision::NoOpinion,
        conditions: Vec::new(),
    };
    let webhook = |settings: Settings| Configured::webhook("default", settings);
    let flags = |list: Vec<Configured>| Source::Flags(list);
    check(
        &[
            "--authorization-mode=ABAC,Webhook",
            "--authorization-policy-file=/abac",
            "--authorization-webhook-config-file=/hook",
        ],
        Config {
            authorizers: flags(vec![Configured::usual(Mode::Abac), webhook(settings.clone())]),
            policy_file: Some("/abac".into()),
        },
    );
    let other = Settings {
        version: ReviewVersion::V1,
        authorized_ttl: Duration::ZERO,
        unauthorized_ttl: Duration::from_secs(1),
        ..settings
    };
    check(
        &[
            "--authorization-mode=Webhook",
            "--authorization-webhook-config-file=/hook",
            "--authorization-webhook-version=v1",
            "--authorization-webhook-cache-authorized-ttl=0s",
            "--authorization-webhook-cache-unauthorized-ttl=1s",
        ],
        Config { authorizers: flags(vec![webhook(other)]), policy_file: None },
    );
    check(
        &["--authorization-config=/authz", "--authorization-policy-file=/abac"],
        Config { authorizers: Source::File("/authz".into()), policy_file: Some("/abac".into()) },
    );
    let both = "--authorization-config: --authorization-config can not be specified when --authorization-mode or \
                --authorization-webhook-* flags are defined";
    for flag in [
        "--authorization-mode=RBAC",
        "--authorization-webhook-config-file=/hook",
        "--authorization-webhook-version=v1",
        "--authorization-webhook-cache-authorized-ttl=1s",
        "--authorization-webhook-cache-unauthorized-ttl=1s",
    ] {
        refused(&["--authorization-config=/authz", flag], &[both]);
    }
    refused(
        &["--authorization-mode=ABAC,Webhook"],
        &[
            "--authorization-policy-file: authorization-mode ABAC's authorization policy file not passed",
            "--authorization-webhook-config-file: authorization-mode Webhook's authorization config file not passed",
        ],
    );
    refused(
        &["--authorization-policy-file=/abac", "--authorization-webhook-config-file=/hook"],
        &[
            "--authorization-policy-file: cannot specify --authorization-policy-file without mode ABAC",
            "--authorization-webhook-config-file: cannot specify --authorization-webhook-config-file without mode \
             Webhook",
        ],
    );
    refused(
        &["--authorization-mode=RBAC,RBAC"],
        &["--authorization-mode: authorization-mode [\"RBAC\" \"RBAC\"] has mode specified more than once"],
    );
    refused(
        &["--authorization-webhook-version=v2"],
        &[
            "--authorization-webhook-version: unsupported webhook authorizer version \"v2\", supported versions are \
           \"v1\", \"v1beta1\"",
        ],
    );
}

#[test]
fn issuers_of_tokens_come_from_flags_or_a_file() {
    use crate::authn::jwt::{Flags, Source};
    assert_eq!(config(&[]).authentication.jwt, Source::None);
    let file = config(&["--authentication-config=/etc/authn.yaml", "--anonymous-auth"]).authentication;
    assert_eq!((file.jwt, file.anonymous_is_given), (Source::File("/etc/authn.yaml".into()), true));
    let issuer = ["--oidc-issuer-url=https://issuer", "--oidc-client-id=me"];
    let with = |more: &[&str]| config(&[&issuer, more].concat()).authentication.jwt;
    let least = Flags {
        issuer_url: "https://issuer".to_owned(),
        client_id: "me".to_owned(),
        username_claim: "sub".to_owned(),
        signing_algorithms: vec!["RS256"],
        ..Flags::default()
    };
    assert_eq!(with(&[]), Source::Flags(Box::new(least.clone())));
    let all = with(&[
        "--oidc-username-claim=email",
        "--oidc-username-prefix=-",
        "--oidc-groups-claim=groups",
        "--oidc-groups-prefix=oidc:",
        "--oidc-required-claim=a=b=c",
        "--oidc-required-claim= d = e ",
        "--oidc-signing-algs=RS256,ES384",
        "--oidc-signing-algs=PS512",
        "--oidc-ca-file=/etc/ca.pem",
    ]);
    let wanted = Flags {
        username_claim: "email".to_owned(),
        username_prefix: "-".to_owned(),
        groups_claim: "groups".to_owned(),
        groups_prefix: "oidc:".to_owned(),
        required_claims: [("a", "b=c"), ("d", "e")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        signing_algorithms: vec!["RS256", "ES384", "PS512"],
        ca_file: Some("/etc/ca.pem".into()),
        ..least
    };
    assert_eq!(all, Source::Flags(Box::new(wanted)));

    let together = "--oidc-issuer-url: oidc-issuer-url and oidc-client-id must be specified together when any \
                    oidc-* flags are set";
    refused(&["--oidc-issuer-url=https://issuer"], &[together]);
    refused(&["--oidc-groups-claim=g"], &[together]);
    refused(&["--oidc-username-prefix="], &[together]);
    refused(
        &["--authentication-config=a", "--oidc-username-claim=sub"],
        &["--authentication-config: authentication-config file and oidc-* flags are mutually exclusive"],
    );
    refused(
        &[&issuer[..], &["--oidc-signing-algs=HS256,ES512,none", "--oidc-required-claim=a"]].concat(),
        &[
            "--oidc-required-claim: malformed pair, expect string=string",
            "--oidc-signing-algs: oidc: unsupported signing alg: \"HS256\"",
            "--oidc-signing-algs: oidc: the signing alg \"ES512\" is not supported by this version of Keelson",
            "--oidc-signing-algs: oidc: unsupported signing alg: \"none\"",
        ],
    );
}

#[test]
fn front_proxies_are_believed_where_their_authorities_are_named() {
    let all = [
        "--requestheader-client-ca-file=/proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client,aggregator",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-uid-headers=x-remote-uid,X-Uid",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-group-headers=X-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ];
    let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let read = config(&all).authentication.front_proxy.expect("front proxies");
    assert_eq!(read.client_ca_file, Path::new("/proxy-ca.crt"));
    assert_eq!(read.allowed_names, strings(&["front-proxy-client", "aggregator"]));
    assert_eq!(read.username_headers, strings(&["X-Remote-User"]));
    assert_eq!(read.uid_headers, strings(&["x-remote-uid", "X-Uid"]));
    assert_eq!(read.group_headers, strings(&["X-Remote-Group", "X-Group"]));
    assert_eq!(read.extra_prefixes, strings(&["X-Remote-Extra-"]));
    assert_eq!(read.warnings().count(), 0);
    let odd = config(&[all[0], "--requestheader-group-headers=X-Remote-Group, X-Group"]).authentication;
    let warnings: Vec<String> = odd.front_proxy.expect("front proxies").warnings().collect();
    assert_eq!(warnings, ["\" X-Group\" is no header's name: no front proxy can send it"]);
    let unusual =
        config(&[all[0], "--requestheader-username-headers=X-User", "--requestheader-allowed-names="]);
    let read = unusual.authentication.front_proxy.expect("front proxies");
    assert!(read.allowed_names.is_empty());
    let warnings: Vec<String> = read.warnings().collect();
    let warning = "--requestheader-username-headers is set without specifying the standard X-Remote-User header - \
                   API aggregation will not work";
    assert_eq!(warnings, [warning]);
    assert_eq!(config(&all[1..]).authentication.front_proxy, None);
    refused(
        &[all[0], "--requestheader-group-headers=X-Remote-Group, "],
        &[r#"--requestheader-group-headers: empty value in "requestheader-group-headers""#],
    );
    refused(
        &[all[0], "--requestheader-uid-headers=X-Uid"],
        &["--requestheader-uid-headers: is set without specifying the standard X-Remote-Uid header - API \
           aggregation will not work"],
    );
}

#[test]
fn webhooks_and_bootstrap_tokens_are_asked_for() {
    use crate::authn::webhook::Version;
    let none = config(&[]).authentication;
    assert_eq!((none.webhook, none.bootstrap_tokens), (None, false));
    assert!(config(&["--enable-bootstrap-token-auth"]).authentication.bootstrap_tokens);
    let file = "--authentication-token-webhook-config-file=/hook";
    let check = |more: &[&str], version: Version, seconds: u64| {
        let hook = config(&[&[file], more].concat()).authentication.webhook.expect("a webhook");
        assert_eq!(hook.file, Path::new("/hook"));
        assert_eq!((hook.version, hook.kept_for), (version, Duration::from_secs(seconds)), "{more:?}");
    };
    check(&[], Version::V1Beta1, 120);
    check(&["--authentication-token-webhook-version=v1"], Version::V1, 120);
    check(&["--authentication-token-webhook-cache-ttl=0s"], Version::V1Beta1, 0);
    refused(
        &[file, "--authentication-token-webhook-version=v2"],
        &[
            "--authentication-token-webhook-version: unsupported authentication webhook version \"v2\", supported \
           versions are \"v1\", \"v1beta1\"",
        ],
    );
}
