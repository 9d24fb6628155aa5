//! Flags about metrics.

use keelson_base::metrics::AllowedLabels;

use super::*;
use crate::server::config::MetricIntervals;

#[test]
fn everything_is_shown_by_default_and_looked_at_as_often_as_upstream_does() {
    let metrics = config(&[]).metrics;
    assert_eq!(metrics.exposure, keelson_base::metrics::Exposure::default());
    assert_eq!(metrics.allowed_labels_file, None);
    let feature = |name: &str| {
        let feature = metrics.features.iter().find(|feature| feature.name == name).expect("a feature");
        (feature.stage, feature.enabled)
    };
    assert_eq!(feature("APIResponseCompression"), ("BETA", true));
    assert_eq!(feature("AnyVolumeDataSource"), ("", true));
    assert_eq!(feature("ComponentStatusz"), ("BETA", false));
    let seconds = Duration::from_secs;
    let intervals = MetricIntervals { object_counts: seconds(60), database_sizes: seconds(30) };
    assert_eq!(metrics.intervals, intervals);
    let metrics = config(&["--etcd-count-metric-poll-period=0", "--etcd-db-metric-poll-interval=1m"]).metrics;
    assert_eq!(metrics.intervals, MetricIntervals { object_counts: seconds(0), database_sizes: seconds(60) });
}

#[test]
fn metrics_may_be_left_out_and_labels_bound() {
    let metrics = config(&[
        "--disabled-metrics=a_total,b:c",
        "--disabled-metrics=d",
        "--show-hidden-metrics-for-version=1.35",
        "--allow-metric-labels=a_total,verb=GET,LIST",
        "--allow-metric-labels=\"a_total,code=200\",\"b,verb=\"",
    ])
    .metrics;
    let disabled: Vec<&str> = metrics.exposure.disabled.iter().map(String::as_str).collect();
    assert_eq!((disabled, metrics.exposure.show_hidden), (vec!["a_total", "b:c", "d"], true));
    let mut allowed = AllowedLabels::new();
    for (metric, label, values) in
        [("a_total", "verb", &["GET", "LIST"][..]), ("a_total", "code", &["200"]), ("b", "verb", &[""])]
    {
        let values = values.iter().map(ToString::to_string).collect();
        allowed.entry(metric.to_owned()).or_default().insert(label.to_owned(), values);
    }
    assert_eq!(metrics.exposure.allowed_labels, allowed);
    let file = config(&["--allow-metric-labels-manifest=/m.yaml"]).metrics.allowed_labels_file;
    assert_eq!(file.as_deref(), Some(Path::new("/m.yaml")));
}

#[test]
fn flags_about_metrics_that_make_no_sense_are_refused() {
    refused(
        &["--disabled-metrics=a,1b"],
        &["--disabled-metrics: invalid value \"1b\": no full name of a metric"],
    );
    refused(
        &["--show-hidden-metrics-for-version=1.36"],
        &[
            "--show-hidden-metrics-for-version: invalid value \"1.36\": must be omitted or have the value '1.35'; only \
           the previous minor version is allowed",
        ],
    );
    refused(
        &["--allow-metric-labels=a=b"],
        &["--allow-metric-labels: \"a\" must be a metric and a label, parted by a comma"],
    );
    refused(
        &["--allow-metric-labels=a,b=c", "--allow-metric-labels-manifest=x"],
        &["--allow-metric-labels-manifest: can't stand beside --allow-metric-labels"],
    );
    refused(
        &["--etcd-count-metric-poll-period=-1s"],
        &["--etcd-count-metric-poll-period: invalid value \"-1s\": can not be negative value"],
    );
}
