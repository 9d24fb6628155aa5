//! The texts in cells that several kinds share.

use keelson_apimachinery::Value;
use keelson_apimachinery::selector::labels::{Selector, from_label_selector};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A duration in two or three digits, such as `45s`, `3m12s`, `5h`, `7d3h` or `2y34d`; given in microseconds.
/// One that is negative by two seconds or more is `<invalid>`: clocks may differ by less.
pub fn human_duration(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let two = |value: i64, unit: char, rest: i64, rest_unit: char| match rest {
        0 => format!("{value}{unit}"),
        rest => format!("{value}{unit}{rest}{rest_unit}"),
    };
    let (minutes, hours, days, years) = (seconds / MINUTE, seconds / HOUR, seconds / DAY, seconds / YEAR);
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % MINUTE, 's'),
        _ if minutes < 3 * 60 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 8 * 24 => two(days, 'd', hours % 24, 'h'),
        _ if days < 2 * 365 => format!("{days}d"),
        _ if days < 8 * 365 => two(years, 'y', days % 365, 'd'),
        _ => format!("{years}y"),
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text }
}

/// A map of strings as `a=b,c=d`, or `<none>`.
pub(super) fn labels(map: Option<&Value>) -> String {
    or_none(map.map(|map| Selector::from_map(map).to_string()).unwrap_or_default())
}

/// A `LabelSelector` as text, or `<none>`.
pub(super) fn label_selector(selector: Option<&Value>) -> String {
    match from_label_selector(selector.unwrap_or(&Value::Null)) {
        Ok(selector) => or_none(selector.to_string()),
        Err(_) => "<error>".to_owned(),
    }
}

/// The names and the images of containers.
pub(super) fn containers(containers: &[Value]) -> [Value; 2] {
    ["name", "image"].map(|key| joined(containers.iter().map(|c| c.str_at(&[key]))).into())
}

/// Texts with commas between them.
pub(super) fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().collect::<Vec<_>>().join(",")
}

/// The first three of some texts and how many there are beyond, or `<unset>`.
pub(super) fn first_three(texts: impl IntoIterator<Item = String>) -> String {
    let (mut shown, mut more) = (Vec::new(), 0);
    for text in texts {
        if shown.len() < 3 { shown.push(text) } else { more += 1 }
    }
    match (shown.join(","), more) {
        (list, 1..) => format!("{list} + {more} more..."),
        (list, _) if list.is_empty() => "<unset>".to_owned(),
        (list, _) => list,
    }
}

/// A quantity's text; `<nil>` where there is none.
pub(super) fn quantity(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or("<nil>")
}

/// An `IntOrString` as text; `absent` where there is none.
pub(super) fn int_or_string(value: Option<&Value>, absent: &str) -> String {
    match value {
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::String(text)) => text.to_string(),
        _ => absent.to_owned(),
    }
}

/// The short names of volumes' access modes.
pub(super) fn access_modes(modes: &[Value]) -> String {
    let names = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| modes.iter().any(|m| m.as_str() == Some(mode));
    joined(names.into_iter().filter(|(mode, _)| has(mode)).map(|(_, short)| short))
}

/// The addresses of a load balancer's ingress points, sorted, each once.
pub(super) fn load_balancer(ingress: &[Value]) -> String {
    let address = |point: &'_ Value| match (point.str_at(&["ip"]), point.str_at(&["hostname"])) {
        ("", hostname) => hostname.to_owned(),
        (ip, _) => ip.to_owned(),
    };
    let addresses: std::collections::BTreeSet<String> =
        ingress.iter().map(address).filter(|a| !a.is_empty()).collect();
    joined(addresses.iter().map(String::as_str))
}
