//! Prometheus and what it makes of the servers' metrics.

use std::io::{Read, Write};

use serde_json::Value;

use crate::world::{World, same};

fn ask(world: &World, path: &str) -> Result<Value, String> {
    let attempt = || -> std::io::Result<String> {
        let mut connection = std::net::TcpStream::connect(world.cluster.prometheus_address())?;
        // Of version 1.0, so that the answer ends with the connection.
        write!(connection, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = attempt().map_err(|e| format!("Prometheus: {e}"))?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    serde_json::from_str(body).map_err(|e| format!("{e} in {answer}"))
}

/// The values of a query, one a series.
fn query(world: &World, query: &str) -> Result<Vec<f64>, String> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = ask(world, &format!("/api/v1/query?query={encoded}"))?;
    let series = answer["data"]["result"].as_array().ok_or_else(|| answer.to_string())?;
    series
        .iter()
        .map(|one| one["value"][1].as_str().and_then(|v| v.parse().ok()).ok_or_else(|| one.to_string()))
        .collect()
}

/// What dashboards and alerts for kube-apiserver ask, of the mixins that most clusters have.
const USUAL: &[&str] = &[
    "sum by (code) (rate(apiserver_request_total{job=\"apiserver\"}[1m]))",
    "histogram_quantile(0.99, sum by (le, verb) (rate(apiserver_request_duration_seconds_bucket{job=\"apiserver\", subresource!~\"proxy|attach|log|exec|portforward\"}[1m])))",
    "histogram_quantile(0.99, sum by (le, resource) (rate(apiserver_request_sli_duration_seconds_bucket{job=\"apiserver\"}[1m])))",
    "sum by (verb) (apiserver_longrunning_requests{job=\"apiserver\"})",
    "sum(apiserver_current_inflight_requests{job=\"apiserver\"}) by (request_kind)",
    "sum by (resource) (apiserver_storage_objects{job=\"apiserver\"} or apiserver_resource_objects{job=\"apiserver\"})",
    "sum by (operation) (rate(etcd_request_duration_seconds_count{job=\"apiserver\"}[1m]))",
    "rate(process_cpu_seconds_total{job=\"apiserver\"}[1m])",
    "process_resident_memory_bytes{job=\"apiserver\"}",
];

pub(crate) fn prometheus_scrapes_both_servers(world: &World) {
    world.until("both targets are up", || {
        let targets = ask(world, "/api/v1/targets?state=active")?;
        let targets = targets["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        same("targets", targets.len(), 2)?;
        match targets.iter().find(|target| target["health"] != "up") {
            Some(target) => Err(target.to_string()),
            None => Ok(()),
        }
    });
    assert_eq!(query(world, "sum(up{job=\"apiserver\"})"), Ok(vec![2.0]));
    world.until("the usual queries give values", || {
        let mut missing = Vec::new();
        for text in USUAL {
            let values = query(world, text)?;
            if !values.iter().any(|value| *value > 0.0) {
                missing.push(format!("{text}: {values:?}"));
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
    });
}
