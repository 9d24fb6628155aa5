//! EventRateLimit: no more events than the configuration allows, by server, namespace, user or origin.

use std::collections::HashMap;

use async_trait::async_trait;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::clock::{self, Instant};
use parking_lot::Mutex;

use super::attributes::aggregate;
use super::config::{check_kind, only};
use super::{Attributes, Phase, Plugin, pod};

/// How many keys are known of a limit that says nothing of it.
const DEFAULT_CACHE: usize = 4096;

const TYPES: [&str; 4] = ["Server", "Namespace", "User", "SourceAndObject"];

pub(super) struct EventRateLimit {
    limits: Vec<Limit>,
}

struct Limit {
    kind: &'static str,
    /// Events a second.
    rate: f64,
    burst: f64,
    /// How many keys are known at most; the one that was used least lately goes.
    capacity: usize,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Limit {
    fn key(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> String {
        match self.kind {
            "Namespace" => attributes.namespace.to_owned(),
            "User" => attributes.user.name.clone(),
            "SourceAndObject" => {
                const PATHS: [[&str; 2]; 7] = [
                    ["source", "component"],
                    ["source", "host"],
                    ["involvedObject", "kind"],
                    ["involvedObject", "namespace"],
                    ["involvedObject", "name"],
                    ["involvedObject", "uid"],
                    ["involvedObject", "apiVersion"],
                ];
                PATHS.iter().map(|path| object.map_or("", |object| object.str_at(path))).collect()
            }
            _ => String::new(),
        }
    }

    fn accepts(&self, key: &str) -> bool {
        let now = clock::monotonic();
        let mut buckets = self.buckets.lock();
        if !buckets.contains_key(key) && buckets.len() >= self.capacity {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.filled).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                buckets.remove(&oldest);
            }
        }
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket { tokens: self.burst, filled: now });
        let gained = now.duration_since(bucket.filled).as_secs_f64() * self.rate;
        bucket.tokens = (bucket.tokens + gained).min(self.burst);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

impl EventRateLimit {
    /// The plugin with its configuration, which it needs.
    pub(super) fn new(own: Option<&Value>) -> Result<Self, String> {
        let own = own.ok_or("it needs a configuration (--admission-control-config-file)")?;
        let version = ["eventratelimit.admission.k8s.io/v1alpha1"];
        check_kind(own, &version, "Configuration", &["limits"])?;
        let given = pod::list(Some(own), "limits");
        let path = Path::new("limits");
        let mut errors = Vec::new();
        if given.is_empty() {
            errors.push(FieldError::invalid(&path, "null", "must not be empty"));
        }
        let mut limits = Vec::new();
        for (i, value) in given.iter().enumerate() {
            let path = path.index(i);
            only(value, &["type", "qps", "burst", "cacheSize"]).map_err(|why| format!("{path}: {why}"))?;
            let number = |key: &str| value.get(key).and_then(Value::as_i64).unwrap_or(0);
            let kind = TYPES.into_iter().find(|kind| *kind == value.str_at(&["type"]));
            if kind.is_none() {
                errors.push(FieldError::not_supported(&path.child("type"), value.str_at(&["type"]), &TYPES));
            }
            for key in ["burst", "qps"] {
                if number(key) <= 0 {
                    errors.push(FieldError::invalid_int(&path.child(key), number(key), "must be positive"));
                }
            }
            let cache = number("cacheSize");
            if cache < 0 && kind != Some("Server") {
                errors.push(FieldError::invalid_int(&path.child("cacheSize"), cache, "must not be negative"));
            }
            limits.push(Limit {
                kind: kind.unwrap_or("Server"),
                rate: number("qps") as f64,
                burst: number("burst") as f64,
                capacity: usize::try_from(cache).ok().filter(|cache| *cache > 0).unwrap_or(DEFAULT_CACHE),
                buckets: Mutex::default(),
            });
        }
        if errors.is_empty() {
            return Ok(EventRateLimit { limits });
        }
        Err(aggregate(&errors.iter().map(ToString::to_string).collect::<Vec<_>>()))
    }
}

#[async_trait]
impl Plugin for EventRateLimit {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        // What is not written costs nothing.
        attributes.writes() && attributes.is_any("", "events") && !attributes.dry_run
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let mut reached = Vec::new();
        for limit in &self.limits {
            let key = limit.key(attributes, object);
            if !limit.accepts(&key) {
                reached.push(format!("limit reached on type {} for key {key}", limit.kind));
            }
        }
        if reached.is_empty() {
            return Ok(());
        }
        Err(Status::new(429, "TooManyRequests", format!("Too many requests: {}", aggregate(&reached))))
    }
}
