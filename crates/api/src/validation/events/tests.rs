//! Events as events.k8s.io writes them.

use crate::validation::tests::Kind;

const EVENT: Kind = Kind {
    group: "events.k8s.io",
    plural: "events",
    least: r#"{"metadata":{"name":"a","namespace":"n"},"involvedObject":{"namespace":"n","name":"p"},"type":"Normal","reason":"r",
        "eventTime":"2026-01-02T03:04:05.000000Z","reportingComponent":"example.com/c","reportingInstance":"i","action":"a"}"#,
};

#[test]
fn new_events_are_complete_and_have_nothing_old() {
    EVENT.takes_the_least();
    EVENT.create(
        r#"{"type":"Odd","count":1,"firstTimestamp":"2026-01-02T03:04:05Z","source":{"component":"c"},"series":{"count":1},"reportingComponent":null}"#,
        &[
            "reportingController: Required value",
            "reportingController: Invalid value: \"\": name part must be non-empty",
            "reportingController: Invalid value: \"\": name part must consist of…",
            "series.count: Invalid value: \"\": should be at least 2",
            "series.lastObservedTime: Required value",
            "type: Invalid value: \"\": has invalid value: Odd",
            "firstTimestamp: Invalid value: \"\": needs to be unset",
            "count: Invalid value: \"\": needs to be unset",
            "source: Invalid value: \"\": needs to be unset",
        ],
    );
}

#[test]
fn only_the_series_changes() {
    EVENT.update("", "{}", r#"{"series":{"count":2,"lastObservedTime":"2026-01-02T03:04:05.000000Z"}}"#, &[]);
    EVENT.update(
        "",
        "{}",
        r#"{"involvedObject":{"name":"q"},"reason":"s","message":"m","type":"Warning","action":"b","related":{"name":"x"},"reportingInstance":"j"}"#,
        &[
            "involvedObject: Invalid value: {\"Kind\":\"\",\"Namespace\":\"n\",\"Name\":\"q\",\"UID\":\"\",\"APIVersion\":\"\",\"ResourceVersion\":\"\",\"FieldPath\":\"\"}: field is immutable",
            "reason: Invalid value: \"s\": field is immutable",
            "message: Invalid value: \"m\": field is immutable",
            "reason: Invalid value: \"s\": field is immutable",
            "type: Invalid value: \"Warning\": field is immutable",
            "action: Invalid value: \"b\": field is immutable",
            "related: Invalid value: {\"Kind\":\"\",\"Namespace\":\"\",\"Name\":\"x\",\"UID\":\"\",\"APIVersion\":\"\",\"ResourceVersion\":\"\",\"FieldPath\":\"\"}: field is immutable",
            "reportingInstance: Invalid value: \"j\": field is immutable",
        ],
    );
}
